// The Redis issuer: an ACL user for one run, with the commands and keys of its scope and nothing else. Answers for names
// (made from installation and run, so that a user whose issue nobody recorded is found), for the password, of which the
// server only ever gets the hash. Commands about users are redis-user.ts's, the job's own commands redis-session.ts's,
// connections redis-connection.ts's.
//
// Redis's users have no time to live. The broker ends one when its time is over; when no process of the installation
// lives, nobody does until the next start, which finds it by its name.
//
// Needs Redis 7.0 or later, one server or a primary that is not failed over (users are of a node), whose default user is
// off or has a password, and an administrator that may ACL SETUSER, DELUSER, GETUSER, USERS, and CLIENT LIST, KILL.
import { createHash } from "node:crypto";
import { isRunId, type RunId, runIdDigits, runIdFromDigits } from "../../model/ids.ts";
import type { Transport } from "../../model/issuer.ts";
import type { Clock } from "../../ports/clock.ts";
import { type CredentialIssuer, IssuerFailure, type LeaseRef, type Proof } from "../../ports/credential-issuer.ts";
import type { Random } from "../../ports/random.ts";
import { makeRedisAdmin, type RedisAdmin } from "./redis-admin.ts";
import { openRedis, parseRedisUrl, type RedisAddress, type RedisLogin, RedisTrouble } from "./redis-connection.ts";
import { parseRedisScope } from "./redis-scope.ts";
import { makeRedisSessions } from "./redis-session.ts";
import { createUser, endUser, lookForUser, usersWithPrefix } from "./redis-user.ts";

export interface RedisIssuerParts {
  /** In the config. */
  name: string;
  /** `redis://user:password@host:port`, or `rediss://…`. */
  adminUrl: string;
  transport: Transport;
  /** The client certificate's private key, PEM; null without one. */
  clientKey: string | null;
  /** 8 hex digits. */
  installation: string;
  clock: Clock;
  random: Random;
}

const loginMs = 3_000;

/** Opens nothing until it is asked. @throws MayflyError `config_invalid` for the URL and the files of the transport. */
export function makeRedisIssuer(parts: RedisIssuerParts): CredentialIssuer {
  if (!/^[0-9a-f]{8}$/.test(parts.installation)) throw new RangeError("an installation has 8 hex digits");
  const { clock } = parts;
  const { address, admin: root } = parseRedisUrl(parts.adminUrl, parts.transport, parts.clientKey);
  const admin: RedisAdmin = makeRedisAdmin({ address, admin: root, name: `mayfly-issuer-${parts.name}` });
  const prefix = `mayfly_${parts.installation}_`;
  const userOf = (run: RunId): string => `${prefix}${runIdDigits(run)}`;
  const loginFor = (run: RunId, password: string): RedisLogin => {
    return { user: userOf(run), password, name: userOf(run) };
  };
  const sessions = makeRedisSessions({ clock, address, loginFor });

  return {
    kind: "redis",

    checkScope(scope) {
      parseRedisScope(scope);
    },

    async issue({ lease, scope, expiresAt }, signal) {
      if (!isRunId(lease.runId)) throw new RangeError("a lease needs a run's id");
      const selectors = parseRedisScope(scope);
      if (!(expiresAt > clock.nowMs())) {
        throw new IssuerFailure("issuer_refused", "a user needs time to live: found an expiry that has passed");
      }
      const secret = Buffer.from(parts.random.bytes(24)).toString("base64url");
      const passwordHash = createHash("sha256").update(secret).digest("hex");
      sessions.end(lease.runId);
      await createUser(admin, { user: userOf(lease.runId), passwordHash, selectors }, signal);
      return { secret, expiresAt };
    },

    async revoke({ runId }, signal) {
      sessions.end(runId);
      await endUser(admin, userOf(runId), signal);
    },

    async prove({ runId }, secret, signal) {
      const proof = await proveByList(admin, userOf(runId), signal);
      if (proof.verdict !== "dead" || secret === undefined) return proof;
      const login = await tryLogin(address, loginFor(runId, secret), signal);
      if (login === "accepted") return { verdict: "alive", how: "login: accepted" };
      return { verdict: "dead", how: `${proof.how}; login: ${login}` };
    },

    async sweep(signal): Promise<LeaseRef[]> {
      const names = await usersWithPrefix(admin, prefix, signal);
      const runs = names.map((name) => runIdFromDigits(name.slice(prefix.length)));
      return runs.filter((run) => run !== undefined).map((runId) => ({ runId }));
    },

    command: ({ runId }, secret, request, signal) => sessions.command(runId, secret, request, signal),
    endSessions: async ({ runId }) => sessions.end(runId),

    async close() {
      sessions.endAll();
      admin.close();
    },
  };
}

async function proveByList(admin: RedisAdmin, user: string, signal: AbortSignal): Promise<Proof> {
  try {
    const { exists, clients } = await lookForUser(admin, user, signal);
    if (exists) return { verdict: "alive", how: `ACL GETUSER: the user exists, with ${clients} connections` };
    if (clients > 0) return { verdict: "alive", how: `ACL GETUSER: no such user, but ${clients} connections of it` };
    return { verdict: "dead", how: "ACL GETUSER: no such user; CLIENT LIST: no connection" };
  } catch (error) {
    return { verdict: "unknowable", how: error instanceof Error ? error.message : String(error) };
  }
}

/** What became of a try to log in, in words: "accepted", "WRONGPASS …", "not tried: …". */
async function tryLogin(address: RedisAddress, login: RedisLogin, signal: AbortSignal): Promise<string> {
  try {
    const connection = await openRedis(address, login, AbortSignal.any([signal, AbortSignal.timeout(loginMs)]));
    connection.destroy();
    return "accepted";
  } catch (error) {
    const text = error instanceof RedisTrouble ? error.message : "no connection";
    return error instanceof RedisTrouble && error.reason === "refused" ? text : `not tried: ${text}`;
  }
}
