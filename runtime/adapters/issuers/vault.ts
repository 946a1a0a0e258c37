// The issuer of Vault's and OpenBao's dynamic credentials. A run logs in with its own identity, reads one path with the token
// that it gets, and both the lease and the token are ended with the run. It answers for the order in which that is made known:
//
//   log in → note the accessor → shorten the token → read the path → note the lease → hand over
//
// A lease dies with the token that asked for it. So once the accessor is noted, a crash or a lost answer leaves nothing behind
// that can't be ended; before that, nothing but a token that nobody has, and that dies by its own time to live. Vault takes no
// names of ours, so a sweep knows what this process has noted; after a crash it is the handles that are gone through.
//
// With a management token, tokens end by their accessor and leases are looked for after them. Without one the token itself goes
// into the (sealed) handle; it is revoked only after its lease was seen to be gone, since it alone may look.
import { messageOf } from "../../model/error.ts";
import type { RunId } from "../../model/ids.ts";
import { isoTime } from "../../model/units.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  type CredentialIssuer,
  type IssuedCredential,
  type IssueRequest,
  IssuerFailure,
  type LeaseRef,
  type NoteHandle,
  type Proof,
} from "../../ports/credential-issuer.ts";
import type { IdentityIssuer } from "../../ports/identity.ts";
import type { IssuerHttp } from "./issuer-http.ts";
import { makeTurns } from "./turns.ts";
import { makeVaultApi, vaultFailure } from "./vault-api.ts";
import { parseHandle, type VaultHandle } from "./vault-handle.ts";
import { type CredentialPath, knowsLease, readLease, revokeLease, secretOf, shortenLease } from "./vault-lease.ts";
import {
  knowsAccessor,
  knowsToken,
  type LoginToken,
  login,
  requireCapabilities,
  revokeAccessor,
  revokeSelf,
  shortenToken,
} from "./vault-token.ts";

export interface VaultIssuerParts {
  clock: Clock;
  http: IssuerHttp;
  url: URL;
  namespace: string | null;
  identity: IdentityIssuer;
  login: { mount: string; role: string; audience: string };
  /** By path: "database/creds/readonly". */
  credentials: ReadonlyMap<string, CredentialPath>;
  /** Seconds for which answers are wrapped; null: not. */
  wrapS: number | null;
  /** null: none. */
  management: string | null;
}

/** What a lease's own engine may need after its time, ms, before its end counts as over without having been seen. */
const settleMs = 60_000;

/** Each is asked for within moments of its end; this many are more than end at once. */
const seenGoneMax = 10_000;

type Needed = Readonly<Record<string, "read" | "update">>;
const leases: Needed = { "sys/leases/lookup": "update", "sys/leases/revoke": "update" };
const ofManagement: Needed = {
  ...{ "auth/token/lookup-accessor": "update", "auth/token/revoke-accessor": "update" },
  ...leases,
};
const ofItself: Needed = { "auth/token/lookup-self": "read", "auth/token/revoke-self": "update", ...leases };

/** Asks nothing until it is asked. */
export function makeVaultIssuer(parts: VaultIssuerParts): CredentialIssuer {
  const { clock, http, credentials, management } = parts;
  const api = makeVaultApi(parts);
  const inTurn = makeTurns();
  /** Of this process's leases that are not proven dead. */
  const noted = new Map<RunId, string>();
  /** Without a management token: whose leases were seen to be gone before their tokens. */
  const seenGone = new Set<RunId>();
  let isManagementSeen = false;

  const handleOf = ({ runId, handle }: LeaseRef): VaultHandle | undefined => parseHandle(noted.get(runId) ?? handle);

  async function logIn(request: IssueRequest, signal: AbortSignal): Promise<LoginToken> {
    if (management !== null && !isManagementSeen) {
      await requireCapabilities(api, management, "the management token", ofManagement, signal);
      isManagementSeen = true;
    }
    const { lease, job, tenant, expiresAt } = request;
    const { mount, role, audience } = parts.login;
    const identity = { runId: lease.runId, job, tenant, audience, expiresAt };
    const { token: jwt } = await parts.identity.token(identity, signal);
    return login(api, { mount, role, jwt }, signal);
  }

  async function issue(request: IssueRequest, path: string, note: NoteHandle, signal: AbortSignal) {
    const { runId } = request.lease;
    const before = handleOf(request.lease);
    if (before !== undefined) await end(runId, before, signal); // an earlier issue for this run
    const token = await logIn(request, signal);
    const keep = async (handle: VaultHandle) => {
      const text = JSON.stringify(handle);
      noted.set(runId, text);
      await note(text);
    };
    const handle: VaultHandle = {
      ...{ accessor: token.accessor, token: management === null ? token.token : null },
      ...{ lease: null, expiresAt: request.expiresAt },
    };
    try {
      await keep(handle);
      return await issueWith(token, request, path, (lease) => keep({ ...handle, lease }), signal);
    } catch (error) {
      // Whoever answered lies, or refuses the rest: what was made goes again. Whoever doesn't answer isn't asked more.
      const answers = !(error instanceof IssuerFailure && error.code === "issuer_unavailable");
      if (answers) await end(runId, handleOf({ runId }) ?? handle, signal).catch(() => undefined);
      throw error;
    }
  }

  async function issueWith(
    login: LoginToken,
    { expiresAt }: IssueRequest,
    path: string,
    keepLease: (id: string) => Promise<void>,
    signal: AbortSignal,
  ): Promise<IssuedCredential> {
    const { token } = login;
    const needed: Needed = { [path]: "read", ...(management === null ? ofItself : {}) };
    await requireCapabilities(api, token, `tokens of role ${parts.login.role}`, needed, signal);
    const startMs = clock.nowMs();
    const leftS = Math.floor((expiresAt - startMs) / 1_000);
    if (leftS < 1)
      throw new IssuerFailure("issuer_refused", "a lease needs a second to live: found an expiry that has passed");
    const tokenS = await shortenToken(api, login, leftS, signal);
    const lease = await readLease(api, { path, token, wrapS: parts.wrapS }, signal);
    await keepLease(lease.id);
    const leaseS = await shortenLease(api, token, lease, Math.floor((expiresAt - clock.nowMs()) / 1_000), signal);
    const fields = credentials.get(path) ?? { secret: [], with: [] };
    return {
      ...secretOf(path, fields, lease.data),
      expiresAt: Math.min(expiresAt, startMs + Math.min(tokenS, leaseS) * 1_000),
    };
  }

  async function end(run: RunId, { accessor, token, lease }: VaultHandle, signal: AbortSignal): Promise<void> {
    if (management !== null) {
      // The token first: with it goes whatever it asked for and we never heard of.
      await revokeAccessor(api, management, accessor, signal);
      if (lease !== null) await revokeLease(api, management, lease, signal);
      return;
    }
    if (token === null) throw noManagement;
    if (!(await knowsToken(api, token, signal))) return;
    if (lease !== null) {
      await revokeLease(api, token, lease, signal);
      if (await knowsLease(api, token, lease, signal)) throw stillThere;
      seenGone.add(run);
      for (const oldest of seenGone) if (seenGone.size > seenGoneMax) seenGone.delete(oldest);
    }
    await revokeSelf(api, token, signal);
  }

  async function look(run: RunId, handle: VaultHandle, signal: AbortSignal): Promise<Proof> {
    if (management === null) return lookWithout(run, handle, signal);
    const { accessor, lease } = handle;
    if (await knowsAccessor(api, management, accessor, signal)) return alive("its token is there: found by accessor");
    if (lease === null) return dead("accessor: invalid; no credential was answered");
    if (await knowsLease(api, management, lease, signal)) return alive("its token is gone, its lease is there still");
    return dead("accessor: invalid; lease: invalid");
  }

  /** A dead token can't ask for its lease. What tells is that we saw the lease go first, or that its own time is over. */
  async function lookWithout(
    run: RunId,
    { token, lease, expiresAt }: VaultHandle,
    signal: AbortSignal,
  ): Promise<Proof> {
    if (token === null) throw noManagement;
    if (await knowsToken(api, token, signal)) return alive("its token is there: lookup-self");
    if (lease === null) return dead("lookup-self: no such token; no credential was answered");
    if (seenGone.has(run)) return dead("lease: invalid; lookup-self: no such token");
    if (clock.nowMs() > expiresAt + settleMs)
      return dead(`lookup-self: no such token; the lease ended by itself at ${isoTime(expiresAt)}`);
    return {
      verdict: "unknowable",
      how: "the token is gone, and without a management token its lease can't be looked for",
    };
  }

  return {
    kind: "vault",

    checkScope(scope) {
      pathOf(scope, credentials);
    },

    async issue(request, signal, note) {
      const path = pathOf(request.scope, credentials);
      if (note === undefined)
        throw new IssuerFailure("issuer_refused", "a lease's token must be noted before the lease is asked for");
      if (!(request.expiresAt - clock.nowMs() >= 1_000))
        throw new IssuerFailure("issuer_refused", "a lease needs a second to live: found an expiry that has passed");
      requireTime(signal);
      return inTurn(request.lease.runId, () => issue(request, path, note, signal)).catch((error: unknown) => {
        throw vaultFailure("give the credential", error);
      });
    },

    async revoke(lease, signal) {
      requireTime(signal);
      const handle = handleOf(lease);
      if (handle === undefined) return;
      await end(lease.runId, handle, signal).catch((error: unknown) => {
        throw vaultFailure("revoke the lease", error);
      });
    },

    async prove(lease, _secret, signal): Promise<Proof> {
      const handle = handleOf(lease);
      if (handle === undefined) return { verdict: "dead", how: "no token was noted, so no credential was asked for" };
      try {
        const proof = await look(lease.runId, handle, signal);
        if (proof.verdict === "dead") noted.delete(lease.runId);
        return proof;
      } catch (error) {
        return { verdict: "unknowable", how: `Vault can't be asked: ${messageOf(vaultFailure("look", error))}` };
      }
    },

    async sweep(signal) {
      const found = await Promise.all(
        [...noted].map(async ([runId, text]): Promise<LeaseRef | undefined> => {
          const handle = parseHandle(text);
          const isDead = handle === undefined || (await look(runId, handle, signal)).verdict === "dead";
          return isDead ? undefined : { runId, handle: text };
        }),
      ).catch((error: unknown) => {
        throw vaultFailure("look for leases", error);
      });
      return found.filter((each) => each !== undefined);
    },

    close: () => http.close(),
  };
}

const dead = (how: string): Proof => ({ verdict: "dead", how });
const alive = (how: string): Proof => ({ verdict: "alive", how });

const noManagement = new IssuerFailure(
  "issuer_refused",
  "the lease was made with a management token, and there is none any more",
);
const stillThere = new IssuerFailure("issuer_unavailable", "the lease is there after being revoked");

function requireTime(signal: AbortSignal): void {
  if (signal.aborted) throw new IssuerFailure("issuer_unavailable", "out of time");
}

/** A scope is one path of those that the issuer has. @throws IssuerFailure `scope_invalid`. */
function pathOf(scope: readonly string[], credentials: ReadonlyMap<string, unknown>): string {
  const [path] = scope;
  if (path !== undefined && scope.length === 1 && credentials.has(path)) return path;
  const needed = `one of ${[...credentials.keys()].join(", ")}`;
  throw new IssuerFailure("scope_invalid", `found ${JSON.stringify(scope).slice(0, 200)}; needed: exactly ${needed}`);
}
