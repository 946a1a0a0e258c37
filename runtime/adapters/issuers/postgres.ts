// The PostgreSQL issuer: a login role for one run, with the privileges of its scope and nothing else. Answers for names
// (made from installation and run, so that a role whose issue nobody recorded is found) and for the password, which
// leaves this file only as the lease's secret. Statements about roles are postgres-role.ts's, the job's queries
// postgres-session.ts's, connections postgres-connection.ts's.
//
// Needs PostgreSQL 14 or later with password authentication (under `trust` anybody is anybody), and an administrator
// that may make roles and pass on the privileges of the scope.
import { isRunId, type RunId, runIdDigits, runIdFromDigits } from "../../model/ids.ts";
import type { Transport } from "../../model/issuer.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  type CredentialIssuer,
  type IssuedCredential,
  type IssueRequest,
  IssuerFailure,
  type LeaseRef,
  type Proof,
} from "../../ports/credential-issuer.ts";
import type { Random } from "../../ports/random.ts";
import {
  type AdminPool,
  clientConfig,
  connectClient,
  issuerFailure,
  makeAdminPool,
  parseAdminUrl,
  type ServerAddress,
  serverSays,
  sqlStateOf,
} from "./postgres-connection.ts";
import { createRole } from "./postgres-role.ts";
import { endRole, lookForRole, rolesWithPrefix, terminateSession } from "./postgres-role-end.ts";
import { parseScope } from "./postgres-scope.ts";
import { scramVerifier } from "./postgres-scram.ts";
import { makeLeaseSessions } from "./postgres-session.ts";

export interface PostgresIssuerParts {
  /** In the config. */
  name: string;
  /** `postgres://user:password@host:port/database`. */
  adminUrl: string;
  transport: Transport;
  /** The client certificate's private key, PEM; null without one. */
  clientKey: string | null;
  /** 8 hex digits. */
  installation: string;
  clock: Clock;
  random: Random;
}

const scramIterations = 4_096; // PostgreSQL's own; stretching adds nothing to 192 random bits
const issueTriesMax = 3;
const terminateMs = 5_000;

/** Opens nothing until it is asked. @throws MayflyError `config_invalid` for the URL and the files of the transport. */
export function makePostgresIssuer(parts: PostgresIssuerParts): CredentialIssuer {
  if (!/^[0-9a-f]{8}$/.test(parts.installation)) throw new RangeError("an installation has 8 hex digits");
  const address = parseAdminUrl(parts.adminUrl, parts.transport, parts.clientKey);
  const pool = makeAdminPool(address, `mayfly issuer ${parts.name}`);
  const prefix = `mayfly_${parts.installation}_`;
  const roleOf = (run: RunId): string => `${prefix}${runIdDigits(run)}`;
  /** Of roles that this process made and has not proven dead: finds a session that outlived its role. */
  const oids = new Map<RunId, number>();
  let closed: Promise<void> | undefined;
  const loginAs = (run: RunId, password: string) =>
    clientConfig(address, {
      user: roleOf(run),
      password,
      applicationName: roleOf(run),
      options: "-c idle_in_transaction_session_timeout=60000",
    });
  const sessions = makeLeaseSessions({
    clock: parts.clock,
    configFor: loginAs,
    terminate: (run, processId) => terminateSession(pool, roleOf(run), processId, AbortSignal.timeout(terminateMs)),
  });

  async function end(run: RunId, signal: AbortSignal): Promise<void> {
    await sessions.end(run);
    await endRole(pool, roleOf(run), oids.get(run) ?? null, signal);
  }

  return {
    kind: "postgres",

    checkScope(scope) {
      parseScope(scope);
    },

    async issue(request, signal): Promise<IssuedCredential> {
      const { runId } = request.lease;
      if (!isRunId(runId)) throw new RangeError("a lease needs a run's id");
      const issued = await order(request, roleOf(runId), address, parts);
      try {
        for (let attempt = 1; attempt <= issueTriesMax; attempt += 1) {
          const oid = await createRole(pool, issued.order, signal);
          if (oid !== undefined) {
            oids.set(runId, oid);
            return { secret: issued.secret, expiresAt: request.expiresAt };
          }
          await end(runId, signal); // an earlier issue for this run: its password and its sessions go
        }
      } catch (error) {
        throw issuerFailure("make the role", error);
      }
      throw new IssuerFailure("issuer_unavailable", "another process is making the role of the same run");
    },

    async revoke(lease, signal) {
      try {
        await end(lease.runId, signal);
      } catch (error) {
        throw issuerFailure("end the role", error);
      }
    },

    async prove(lease, secret, signal) {
      const known = oids.get(lease.runId) ?? null;
      const proof = await proveByCatalogue(pool, roleOf(lease.runId), known, signal);
      if (proof.verdict !== "dead") return proof;
      const login = secret === undefined ? "" : await tryLogin(loginAs(lease.runId, secret), signal);
      if (login === "accepted") return { verdict: "alive", how: "login: accepted" };
      oids.delete(lease.runId);
      return login === "" ? proof : { verdict: "dead", how: `${proof.how}; login: ${login}` };
    },

    async sweep(signal): Promise<LeaseRef[]> {
      const names = await rolesWithPrefix(pool, prefix, signal).catch((error: unknown) => {
        throw issuerFailure("list the roles", error);
      });
      const runs = names.map((name) => runIdFromDigits(name.slice(prefix.length)));
      return runs.filter((run) => run !== undefined).map((runId) => ({ runId }));
    },

    query: (lease, secret, request, signal) => sessions.query(lease.runId, secret, request, signal),
    endSessions: (lease) => sessions.end(lease.runId),

    close() {
      closed ??= sessions.endAll().then(() => pool.close());
      return closed;
    },
  };
}

async function order(request: IssueRequest, role: string, address: ServerAddress, parts: PostgresIssuerParts) {
  const privileges = parseScope(request.scope);
  if (!(request.expiresAt > parts.clock.nowMs())) {
    throw new IssuerFailure("issuer_refused", "a role needs time to live: found an expiry that has passed");
  }
  const secret = Buffer.from(parts.random.bytes(24)).toString("base64url");
  const verifier = await scramVerifier(secret, parts.random.bytes(16), scramIterations);
  const { database } = address;
  return { secret, order: { role, verifier, expiresAt: request.expiresAt, database, privileges } };
}

async function proveByCatalogue(
  pool: AdminPool,
  role: string,
  knownOid: number | null,
  signal: AbortSignal,
): Promise<Proof> {
  try {
    const { oid, sessions, prepared } = await lookForRole(pool, role, knownOid, signal);
    const left = `${sessions} sessions and ${prepared} prepared transactions of it`;
    if (oid !== null) return { verdict: "alive", how: `catalogue: the role exists, with ${left}` };
    if (sessions + prepared > 0) return { verdict: "alive", how: `catalogue: no such role, but ${left}` };
    return { verdict: "dead", how: "catalogue: no such role, no session, no prepared transaction" };
  } catch (error) {
    return { verdict: "unknowable", how: `the server can't be asked: ${serverSays(error)}` };
  }
}

/** What became of a try to log in, in words: "accepted", "refused 28P01", "not tried: …". */
async function tryLogin(config: ReturnType<typeof clientConfig>, signal: AbortSignal): Promise<string> {
  try {
    const client = await connectClient(config, signal);
    await client.end();
    return "accepted";
  } catch (error) {
    const state = sqlStateOf(error);
    return state === "28P01" || state === "28000" ? `refused ${state}` : `not tried: ${serverSays(error)}`;
  }
}
