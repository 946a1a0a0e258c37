// The making of a leased role, as statements, in one transaction: role, verifier, expiry, grants. No more than its scope.
// Its end is postgres-role-end.ts's.
//
// Making and ending may be repeated, by several hosts at once too: an advisory lock on the name orders them. An issue that
// was given up by us and goes on at the server holds the lock, and so a revocation sees what became of it.
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

const sessionsPerRoleMax = 2; // one for the job's queries, one for the try that proves it dead

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

export async function oidOf(client: Client, role: string): Promise<number | null> {
  const { rows } = await client.query("SELECT oid::bigint AS oid FROM pg_roles WHERE rolname = $1", [role]);
  return rows[0] === undefined ? null : Number(rows[0].oid);
}

export async function lockName(client: Client, role: string): Promise<void> {
  await client.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [role]);
}

// All grants on a table, and on the database, are one row of the catalogue: two transactions that change it at the same
// time fail with "tuple concurrently updated" (XX000). So grants are given and taken one lease after the other, always
// with the name's lock taken first.
export async function lockGrants(client: Client): Promise<void> {
  await client.query("SELECT pg_advisory_xact_lock(hashtextextended('mayfly grants', 0))");
}

export async function transaction<T>(client: Client, work: () => Promise<T>): Promise<T> {
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
