// Sabotages of how a PostgreSQL role is ended, and of how its server is reached.
import type { Sabotage } from "./sabotage.ts";

const folder = "runtime/adapters/issuers";
const ended = ["test/adapters/issuers/postgres-end.test.ts"];
const tls = ["test/adapters/issuers/postgres-tls.test.ts"];

export const postgresSabotages: readonly Sabotage[] = [
  {
    id: "postgres-prepared-left",
    defence: "prepared transactions of the role are rolled back",
    threats: ["CRED-28"],
    file: `${folder}/postgres-role-end.ts`,
    find: "await rollBackPrepared(pool, role, { exists: found !== null, oid }, signal);",
    replace: "void rollBackPrepared;",
    caughtBy: ended,
  },
  {
    id: "postgres-prepared-unquoted",
    defence: "the identifier of a prepared transaction is quoted",
    threats: ["CRED-27"],
    file: `${folder}/postgres-role-end.ts`,
    find: "quoteLiteral(String(gid))",
    replace: `["'", gid, "'"].join("")`,
    caughtBy: ended,
  },
  {
    id: "postgres-prepared-unproven",
    defence: "a role is not proven dead while a prepared transaction of it waits",
    threats: ["CRED-28"],
    file: `${folder}/postgres.ts`,
    find: "if (sessions + prepared > 0)",
    replace: "if (sessions > 0)",
    caughtBy: ended,
  },
  {
    id: "postgres-one-database",
    defence: "what the role has is dropped in every database",
    threats: ["CRED-28"],
    file: `${folder}/postgres-role-end.ts`,
    find: "for (const { datname } of rows) {\n    const drop",
    replace: "for (const { datname } of rows.slice(rows.length)) {\n    const drop",
    caughtBy: ended,
  },
  {
    id: "postgres-any-certificate",
    defence: "the server's certificate is verified",
    threats: ["CRED-18"],
    file: `${folder}/issuer-tls.ts`,
    find: "rejectUnauthorized: true,",
    replace: "rejectUnauthorized: false,",
    caughtBy: tls,
  },
  {
    id: "postgres-plaintext-anywhere",
    defence: "plaintext is for loopback addresses, or on the author's word",
    threats: ["CRED-18"],
    file: `${folder}/postgres-connection.ts`,
    find: "const isPlain = !hasFiles && (isLoopbackHost(host) || transport.plaintext);",
    replace: "const isPlain = !hasFiles;",
    caughtBy: tls,
  },
];
