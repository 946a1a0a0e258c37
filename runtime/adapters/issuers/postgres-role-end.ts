// The end of a leased role, as statements, so that nothing of it is left: dropping a role doesn't end its sessions, a session
// outlives VALID UNTIL, and a prepared transaction outlives both, and holds its locks.
//
//   login → disabled      NOLOGIN, committed by itself: from here on nobody new comes in
//   disabled → cut off    its sessions are terminated, and waited for; cursors and temporary tables go with them
//   cut off → bare        its prepared transactions are rolled back, each in its database; then, in each database where it
//                         has anything, that is dropped: grants, default privileges, and what it made
//   bare → absent         itself dropped; its sessions looked for once more, since a login that was under way at NOLOGIN
//                         shows in the list of sessions only a moment later
//
// Each step finds out where the last one got to. What the role made is dropped, and not handed on to the administrator: a
// view, a rule or a function of the role's would act with his rights from then on. Nothing of others is dropped; where
// something of others stands in the way, the failure names it.
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { escapeLine, quote } from "../../model/error.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import { type AdminPool, sqlStateOf } from "./postgres-connection.ts";
import { lockGrants, lockName, oidOf, transaction } from "./postgres-role.ts";
import { quoteIdentifier, quoteLiteral } from "./postgres-scope.ts";

export interface RoleSighting {
  /** Of the role, or null when there is none. */
  oid: number | null;
  sessions: number;
  /** Transactions that wait for COMMIT PREPARED. */
  prepared: number;
}

/** Of one session by its process id. */
const terminateWaitMs = 2_000;
/** Of all of a role's: some five seconds together. A session may be in the middle of something that can't be stopped. */
const terminateTriesMax = 100;
const terminatePauseMsMax = 50;
const undefinedObject = "42704";
const dependentObjects = "2BP01";

/**
 * Ends the role, its sessions, its prepared transactions and what it has in any database. No such role is success.
 * @param knownOid the role's, when this process made it: finds what is left of a role that is already gone.
 */
export async function endRole(
  pool: AdminPool,
  role: string,
  knownOid: number | null,
  signal: AbortSignal,
): Promise<void> {
  const found = await disableLogin(pool, role, signal);
  const oid = found ?? knownOid;
  await terminateSessions(pool, role, oid, signal);
  await rollBackPrepared(pool, role, { exists: found !== null, oid }, signal);
  if (found !== null) await dropEverywhere(pool, role, found, signal);
  await terminateSessions(pool, role, oid, signal);
}

function disableLogin(pool: AdminPool, role: string, signal: AbortSignal): Promise<number | null> {
  return pool.run(
    (client) =>
      transaction(client, async () => {
        await lockName(client, role);
        const oid = await oidOf(client, role);
        if (oid === null) return null;
        await client.query(`ALTER ROLE ${quoteIdentifier(role)} NOLOGIN PASSWORD NULL`);
        await joinUnlessSuperuser(client, role);
        return oid;
      }),
    signal,
  );
}

// An administrator that is no superuser may signal a role's sessions and drop what it has only as a member of it.
async function joinUnlessSuperuser(client: Client, role: string): Promise<void> {
  const asked = await client.query("SELECT rolsuper FROM pg_roles WHERE rolname = current_user");
  if (asked.rows[0]?.rolsuper !== true) await client.query(`GRANT ${quoteIdentifier(role)} TO CURRENT_USER`);
}

/** The view pg_prepared_xacts forgets an owner that is gone; the function beneath it has its number. */
const preparedOf = "FROM pg_prepared_xact() LEFT JOIN pg_database ON pg_database.oid = dbid WHERE ownerid = $1::oid";

/** The identifier of a prepared transaction is text of its owner's choice. */
async function rollBackPrepared(
  pool: AdminPool,
  role: string,
  { exists, oid }: { exists: boolean; oid: number | null },
  signal: AbortSignal,
): Promise<void> {
  const text = `SELECT gid, datname ${preparedOf}`;
  const { rows } = await pool.run((client) => client.query(text, [oid]), signal);
  for (const { gid, datname } of rows) {
    // Only its owner or a superuser may, and only in its own database. The session is not used again.
    await pool.runIn(
      String(datname),
      async (client) => {
        if (exists) await client.query(`SET ROLE ${quoteIdentifier(role)}`);
        await client.query(`ROLLBACK PREPARED ${quoteLiteral(String(gid))}`).catch((error: unknown) => {
          if (sqlStateOf(error) !== undefinedObject) throw error; // another process has done it
        });
      },
      signal,
    );
  }
}

async function dropEverywhere(pool: AdminPool, role: string, oid: number, signal: AbortSignal): Promise<void> {
  const here = pool.database;
  const text =
    "SELECT DISTINCT datname FROM pg_shdepend JOIN pg_database ON pg_database.oid = dbid " +
    "WHERE refclassid = 'pg_authid'::regclass AND refobjid = $1::oid AND datname <> current_database()";
  const { rows } = await pool.run((client) => client.query(text, [oid]), signal);
  for (const { datname } of rows) {
    const drop = (client: Client) => dropOwned(client, role, String(datname));
    await pool.runIn(String(datname), (client) => transaction(client, () => drop(client)), signal);
  }
  await pool.run(
    (client) =>
      transaction(client, async () => {
        if (!(await dropOwned(client, role, here))) return;
        await orNamed(client.query(`DROP ROLE ${quoteIdentifier(role)}`), role, here);
      }),
    signal,
  );
}

/** Grants in this database and on it, and what the role made here. @returns false when the role is gone. */
async function dropOwned(client: Client, role: string, database: string): Promise<boolean> {
  await lockName(client, role);
  await lockGrants(client);
  if ((await oidOf(client, role)) === null) return false;
  await orNamed(client.query(`DROP OWNED BY ${quoteIdentifier(role)} RESTRICT`), role, database);
  return true;
}

/**
 * @throws IssuerFailure that names what keeps the role: what others have built on things of its, or what somebody granted
 *   who is not the administrator, and that only he or a superuser can take back. The server's detail says that, and no rows.
 */
async function orNamed(dropping: Promise<unknown>, role: string, database: string): Promise<void> {
  try {
    await dropping;
  } catch (error) {
    if (sqlStateOf(error) !== dependentObjects) throw error;
    const { detail } = error as { detail?: unknown };
    const named = String(detail ?? "")
      .split("\n")
      .join(", ");
    const what = `${role} can't log in any more, and can't be dropped (seen from database ${quote(database, 63)})`;
    const next = "drop or revoke that; another owner has to trust what the job made";
    throw new IssuerFailure("issuer_refused", `${what}: ${escapeLine(named, 500)}; ${next}`, error);
  }
}

/** Our own sessions carry the role's name as application_name, which finds them when the role is gone. */
const sessionsOf =
  "FROM pg_stat_activity WHERE (usesysid = $1::oid OR application_name = $2) AND pid <> pg_backend_pid()";

/** Waits here and not in the server, whose own wait looks only every 100 ms. */
async function terminateSessions(pool: AdminPool, role: string, oid: number | null, signal: AbortSignal) {
  for (let attempt = 0; attempt < terminateTriesMax; attempt += 1) {
    const { rows } = await pool.run(
      (client) => client.query(`SELECT pg_terminate_backend(pid) ${sessionsOf}`, [oid, role]),
      signal,
    );
    if (rows.length === 0) return;
    await pause(Math.min(terminatePauseMsMax, 2 ** attempt), undefined, { signal });
  }
  const { sessions } = await lookForRole(pool, role, oid, signal);
  if (sessions === 0) return;
  throw new IssuerFailure(
    "issuer_unavailable",
    `${sessions} sessions of ${role} are still there after being terminated`,
  );
}

/** What the catalogue, the list of sessions and that of prepared transactions say. */
export async function lookForRole(
  pool: AdminPool,
  role: string,
  knownOid: number | null,
  signal: AbortSignal,
): Promise<RoleSighting> {
  return pool.run(async (client) => {
    const found = await oidOf(client, role);
    const oid = found ?? knownOid;
    const sessions = await client.query(`SELECT count(*)::int AS count ${sessionsOf}`, [oid, role]);
    const prepared = await client.query(`SELECT count(*)::int AS count ${preparedOf}`, [oid]);
    return { oid: found, sessions: Number(sessions.rows[0]?.count), prepared: Number(prepared.rows[0]?.count) };
  }, signal);
}

/** Names of all roles that begin with `prefix`. */
export async function rolesWithPrefix(pool: AdminPool, prefix: string, signal: AbortSignal): Promise<string[]> {
  const { rows } = await pool.run(
    (client) => client.query("SELECT rolname FROM pg_roles WHERE starts_with(rolname, $1)", [prefix]),
    signal,
  );
  return rows.map((row) => String(row.rolname));
}

/** Ends one session by its process id, if it is (still) the role's. */
export async function terminateSession(pool: AdminPool, role: string, processId: number, signal: AbortSignal) {
  const text = `SELECT pg_terminate_backend(pid, ${terminateWaitMs}) FROM pg_stat_activity WHERE pid = $1 AND usename = $2`;
  await pool.run((client) => client.query(text, [processId, role]), signal);
}
