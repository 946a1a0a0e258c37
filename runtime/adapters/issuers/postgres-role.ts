// The life of a leased role, as statements. Answers for making it with no more than its scope, and for ending it so that
// nothing of it is left: dropping a role doesn't end its sessions, and a session outlives VALID UNTIL.
//
//   absent → login        one transaction: role, verifier, expiry, grants
//   login → disabled      NOLOGIN, committed by itself: from here on nobody new comes in
//   disabled → cut off    its sessions are terminated, and waited for
//   cut off → absent      its grants and then itself dropped; its sessions looked for once more, since a login that was
//                         under way at NOLOGIN shows in the list of sessions only a moment later
//
// Each step finds out where the last one got to, so that all of it may be repeated, by several hosts at once too: an
// advisory lock on the name orders them. An issue that was given up by us and goes on at the server holds the lock, and
// so a revocation sees what became of it.
import type { Client } from "pg";
import { isoTime } from "../../model/units.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import { type AdminPool, sqlStateOf } from "./postgres-connection.ts";
import { quoteIdentifier, quoteLiteral, type TablePrivileges } from "./postgres-scope.ts";

export interface RoleOrder {
  role: string;
  verifier: string;
  /** Epoch, ms. */
  expiresAt: number;
  database: string;
  privileges: readonly TablePrivileges[];
}

export interface RoleSighting {
  /** Of the role, or null when there is none. */
  oid: number | null;
  sessions: number;
}

const sessionsPerRoleMax = 2; // one for the job's queries, one for the try that proves it dead
const terminateWaitMs = 2_000;
const terminateTriesMax = 3;

/** Makes the role. @returns its oid, or undefined when a role of that name exists: end it first. */
export function createRole(pool: AdminPool, order: RoleOrder, signal: AbortSignal): Promise<number | undefined> {
  return pool.run(
    (client) =>
      transaction(client, async () => {
        await lockName(client, order.role);
        await lockGrants(client);
        if ((await oidOf(client, order.role)) !== null) return undefined;
        const role = quoteIdentifier(order.role);
        await client.query(
          `CREATE ROLE ${role} LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS ` +
            `CONNECTION LIMIT ${sessionsPerRoleMax} VALID UNTIL ${quoteLiteral(isoTime(order.expiresAt))} ` +
            `PASSWORD ${quoteLiteral(order.verifier)}`,
        );
        await client.query(`GRANT CONNECT ON DATABASE ${quoteIdentifier(order.database)} TO ${role}`);
        for (const entry of order.privileges) await grantTable(client, order.role, entry);
        return (await oidOf(client, order.role)) ?? undefined;
      }),
    signal,
  );
}

async function grantTable(client: Client, role: string, entry: TablePrivileges): Promise<void> {
  const table = `${quoteIdentifier(entry.schema)}.${quoteIdentifier(entry.table)}`;
  const privileges = entry.privileges.map((word) => word.toUpperCase());
  await client.query(`GRANT USAGE ON SCHEMA ${quoteIdentifier(entry.schema)} TO ${quoteIdentifier(role)}`);
  await client.query(`GRANT ${privileges.join(", ")} ON TABLE ${table} TO ${quoteIdentifier(role)}`);
  // GRANT without the right to grant is but a warning.
  for (const privilege of privileges) {
    const asked = await client.query("SELECT has_table_privilege($1, $2, $3) AS granted", [role, table, privilege]);
    if (asked.rows[0]?.granted === true) continue;
    const who = "the administrator of the issuer";
    throw new IssuerFailure("issuer_refused", `${privilege} on ${table} was not granted: ${who} may not pass it on`);
  }
}

/**
 * Ends the role, its sessions and its grants. No such role is success.
 * @param knownOid the role's, when this process made it: finds the sessions of a role that is already gone.
 */
export async function endRole(
  pool: AdminPool,
  role: string,
  knownOid: number | null,
  signal: AbortSignal,
): Promise<void> {
  const oid = (await disableLogin(pool, role, signal)) ?? knownOid;
  await terminateSessions(pool, role, oid, signal);
  await dropRole(pool, role, signal);
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

function dropRole(pool: AdminPool, role: string, signal: AbortSignal): Promise<void> {
  return pool.run(
    (client) =>
      transaction(client, async () => {
        await lockName(client, role);
        await lockGrants(client);
        if ((await oidOf(client, role)) === null) return;
        // Grants in this database and on it, and what the role made here. RESTRICT: nothing of others goes with it.
        await client.query(`DROP OWNED BY ${quoteIdentifier(role)} RESTRICT`);
        await client.query(`DROP ROLE ${quoteIdentifier(role)}`);
      }),
    signal,
  );
}

/** Our own sessions carry the role's name as application_name, which finds them when the role is gone. */
const sessionsOf =
  "FROM pg_stat_activity WHERE (usesysid = $1::oid OR application_name = $2) AND pid <> pg_backend_pid()";

async function terminateSessions(pool: AdminPool, role: string, oid: number | null, signal: AbortSignal) {
  for (let attempt = 1; attempt <= terminateTriesMax; attempt += 1) {
    const { rows } = await pool.run(
      (client) => client.query(`SELECT pg_terminate_backend(pid, ${terminateWaitMs}) ${sessionsOf}`, [oid, role]),
      signal,
    );
    if (rows.length === 0) return;
  }
  const { sessions } = await lookForRole(pool, role, oid, signal);
  if (sessions === 0) return;
  throw new IssuerFailure(
    "issuer_unavailable",
    `${sessions} sessions of ${role} are still there after being terminated`,
  );
}

/** What the catalogue and the list of sessions say. */
export async function lookForRole(
  pool: AdminPool,
  role: string,
  knownOid: number | null,
  signal: AbortSignal,
): Promise<RoleSighting> {
  return pool.run(async (client) => {
    const oid = await oidOf(client, role);
    const { rows } = await client.query(`SELECT count(*)::int AS sessions ${sessionsOf}`, [oid ?? knownOid, role]);
    return { oid, sessions: Number(rows[0]?.sessions) };
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

async function oidOf(client: Client, role: string): Promise<number | null> {
  const { rows } = await client.query("SELECT oid::bigint AS oid FROM pg_roles WHERE rolname = $1", [role]);
  return rows[0] === undefined ? null : Number(rows[0].oid);
}

async function lockName(client: Client, role: string): Promise<void> {
  await client.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [role]);
}

// All grants on a table, and on the database, are one row of the catalogue: two transactions that change it at the same
// time fail with "tuple concurrently updated" (XX000). So grants are given and taken one lease after the other, always
// with the name's lock taken first.
async function lockGrants(client: Client): Promise<void> {
  await client.query("SELECT pg_advisory_xact_lock(hashtextextended('mayfly grants', 0))");
}

async function transaction<T>(client: Client, work: () => Promise<T>): Promise<T> {
  await client.query("BEGIN");
  try {
    const value = await work();
    await client.query("COMMIT");
    return value;
  } catch (error) {
    // Without an answer of the server's the session is broken, and with it goes the transaction.
    if (sqlStateOf(error) !== undefined || error instanceof IssuerFailure) await client.query("ROLLBACK");
    throw error;
  }
}
