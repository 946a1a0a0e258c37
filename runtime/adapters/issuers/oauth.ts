// Access tokens of an OAuth 2 server, one for each run. A token has no name at its server and can't be listed there, so what
// ends it is noted before it is asked for (oauth-handle.ts). Two modes, by what that is:
//
//   registration   a client of its own for each run, deleted with it: a token whose answer was lost ends with it as well
//   token          tokens of Mayfly's client, revoked one by one (RFC 7009): one whose answer was lost, which nobody holds,
//                  is neither dead nor alive for us until it has expired
//
//   nothing → asked (noted) → heard of (noted, in mode token) → shown by introspection → handed out → ended → proven dead
//
// What is refused on that way is ended at once, and by the broker again. What is asked is oauth-order.ts's, how one token is
// had oauth-obtain.ts's, clients of runs oauth-registration.ts's, and what silence proves oauth-handle.ts's.
import { MayflyError } from "../../model/error.ts";
import { type RunId, runIdDigits } from "../../model/ids.ts";
import type { Transport } from "../../model/issuer.ts";
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
import { makeIssuerHttp } from "./issuer-http.ts";
import { checkScope } from "./oauth-answer.ts";
import { makeCaller, type OauthClient } from "./oauth-client.ts";
import { conclude, formatHandle, nothing, type OauthHandle, parseHandle, type Sighting } from "./oauth-handle.ts";
import { isRefusal, obtainToken } from "./oauth-obtain.ts";
import { answerMs, grantOf, type Order, type OrderParts, orderOf } from "./oauth-order.ts";
import { deleteClient, lookForClient, makeTrial, type Registered, registerClient } from "./oauth-registration.ts";
import { type Caller, findServer, type OauthServer } from "./oauth-server.ts";

export interface OauthIssuerParts extends OrderParts {
  /** In the config. */
  name: string;
  /** 8 hex digits. */
  installation: string;
  transport: Transport;
  /** PEM; null without a client certificate. */
  transportKey: string | null;
  /** Mayfly's own: asks introspection, and in mode token for tokens. */
  client: OauthClient;
  /** `initial`: initial access token (RFC 7591, 1.2), null where anybody may register. */
  mode: { kind: "registration"; initial: string | null } | { kind: "token" };
  /** What the server may lack, by the author's explicit word. */
  without: readonly ("revocation" | "introspection")[];
  clock: Clock;
}

type Keep = (handle: OauthHandle) => Promise<void>;

/** To end what was refused, before the broker ends it again; ms. With `answerMs` below the broker's ten seconds. */
const cleanMs = 1_500;

/**
 * Asks the server what it offers.
 * @throws IssuerFailure when it can't be asked; MayflyError `config_invalid` when it lacks what the config needs.
 */
export async function makeOauthIssuer(parts: OauthIssuerParts): Promise<CredentialIssuer> {
  const { clock, installation, transport, transportKey } = parts;
  if (!/^[0-9a-f]{8}$/.test(installation)) throw new RangeError("an installation has 8 hex digits");
  const http = makeIssuerHttp({ transport, clientKey: transportKey, nowMs: clock.nowMs });
  try {
    const self = await makeCaller(parts.client, parts.name);
    const server = await findServer(http, parts.server, AbortSignal.timeout(answerMs));
    requireOffers(server, parts);
    return issuerAt(server, self, parts, () => http.close());
  } catch (error) {
    await http.close();
    throw error;
  }
}

function issuerAt(
  server: OauthServer,
  self: Caller,
  parts: OauthIssuerParts,
  close: () => Promise<void>,
): CredentialIssuer {
  const { clock, mode } = parts;
  const { introspection_endpoint: introspection, revocation_endpoint: revocation } = server.metadata;
  /** Of runs of this process that are not proven dead. */
  const known = new Map<RunId, OauthHandle>();
  const inTurn = makeTurns();
  const trial = makeTrial();

  async function issue(request: IssueRequest, note: NoteHandle, signal: AbortSignal): Promise<IssuedCredential> {
    const { runId } = request.lease;
    const order = await orderOf(request, parts, clock.nowMs(), signal);
    await endEarlier(request.lease, signal);
    const keep: Keep = async (handle) => {
      known.set(runId, handle);
      await note(formatHandle(handle));
    };
    try {
      return mode.kind === "token"
        ? await issueOwn(order, keep, signal)
        : await issueAsClient(order, keep, signal, (on) =>
            registerClient(
              server,
              { name: nameOf(runId), scope: request.scope, grant: grantOf(parts) },
              mode.initial,
              on,
            ),
          );
    } catch (error) {
      const left = known.get(runId);
      if (left !== undefined) await end(left, AbortSignal.timeout(cleanMs)).catch(() => undefined);
      throw error;
    }
  }

  const nameOf = (run: RunId) => `mayfly-${parts.installation}-${runIdDigits(run)}`;

  function asked(more: { client?: OauthHandle["client"]; sure?: boolean } = {}): OauthHandle {
    const { client, sure = false } = more;
    return { ...(client === undefined ? {} : { client }), tokens: [], until: clock.nowMs() + parts.tokenLifeMs, sure };
  }

  function obtain(order: Order, as: Caller, before: OauthHandle, keep: Keep | undefined, signal: AbortSignal) {
    const expected = { ...order.expected, clientId: as.client.client_id };
    return obtainToken({ ...order, expected, server, as, self, before, keep, nowMs: clock.nowMs, signal });
  }

  async function issueOwn(order: Order, keep: Keep, signal: AbortSignal): Promise<IssuedCredential> {
    const before = asked();
    let last = before;
    const keepLast: Keep = (handle) => {
      last = handle;
      return keep(handle);
    };
    await keepLast(before);
    try {
      return (await obtain(order, self, before, keepLast, signal)).issued;
    } catch (error) {
      if (last === before && isRefusal(error)) await keep(nothing);
      throw error;
    }
  }

  async function issueAsClient(
    order: Order,
    keep: Keep,
    signal: AbortSignal,
    register: (signal: AbortSignal) => Promise<Registered>,
  ): Promise<IssuedCredential> {
    await trial.pass({
      ...{ server, signal, register: () => register(signal) },
      async obtain({ caller, client }) {
        const before = asked({ client });
        await keep(before);
        return obtain(order, caller, before, keep, signal);
      },
      isActive: async (token) => (await server.introspect(self, token, signal)).active,
    });
    const { caller, client } = await register(signal);
    const before = asked({ client, sure: true });
    await keep(before);
    return (await obtain(order, caller, before, undefined, signal)).issued;
  }

  /** What was noted, here or by a process before; both where a crash or a race left them different. */
  function handlesOf({ runId, handle }: LeaseRef): OauthHandle[] {
    const mine = known.get(runId);
    if (handle === undefined) return mine === undefined ? [] : [mine];
    return mine === undefined || formatHandle(mine) === handle ? [parseHandle(handle)] : [mine, parseHandle(handle)];
  }

  async function end({ client, tokens }: OauthHandle, signal: AbortSignal): Promise<void> {
    if (client !== undefined) return deleteClient(server, client, signal);
    if (revocation === undefined) return;
    for (const token of tokens.toReversed()) await server.revoke(self, token, signal);
  }

  async function endEarlier(lease: LeaseRef, signal: AbortSignal): Promise<void> {
    for (const earlier of handlesOf(lease)) {
      await end(earlier, signal);
      const { verdict } = await proveHandle(earlier, undefined, signal);
      if (verdict === "alive") throw new IssuerFailure("issuer_refused", "an earlier token of this run can't be ended");
    }
  }

  async function proveHandle(handle: OauthHandle, secret: string | undefined, signal: AbortSignal): Promise<Proof> {
    const { client } = handle;
    const tokens =
      introspection === undefined ? [] : new Set([...handle.tokens, ...(secret === undefined ? [] : [secret])]);
    const [atHome, ...shown] = await Promise.all([
      client === undefined ? undefined : sighted(() => lookForClient(server, client, signal)),
      ...[...tokens].map((token) => sighted(() => lookForToken(token, signal))),
    ]);
    const sightings = { ...(atHome === undefined ? {} : { client: atHome }), tokens: shown as Sighting[] };
    return conclude(handle, sightings, clock.nowMs());
  }

  async function lookForToken(token: string, signal: AbortSignal): Promise<Sighting> {
    const { active } = await server.introspect(self, token, signal);
    return active
      ? { state: "there", how: "introspection: active" }
      : { state: "gone", how: "introspection: inactive" };
  }

  return {
    kind: "oauth",
    checkScope,

    async issue(request, signal, note) {
      if (note === undefined)
        throw new IssuerFailure("issuer_refused", "a token without a name needs a place for its handle");
      return inTurn(request.lease.runId, () => issue(request, note, bounded(signal)));
    },

    async revoke(lease, signal) {
      const within = bounded(signal);
      await Promise.all(handlesOf(lease).map((handle) => end(handle, within)));
    },

    async prove(lease, secret, signal) {
      const within = bounded(signal);
      const handles = handlesOf(lease);
      if (handles.length === 0) return { verdict: "dead", how: "nothing was asked of the server for this run" };
      const proofs = await Promise.all(handles.map((handle) => proveHandle(handle, secret, within)));
      const worst = ["alive", "unknowable", "dead"].map((verdict) => proofs.find((proof) => proof.verdict === verdict));
      const proof = worst.find((each) => each !== undefined) as Proof;
      if (proof.verdict === "dead") known.delete(lease.runId);
      return proof;
    },

    // There is no list of tokens or clients in OAuth: what a process before has left is found by the handles of its leases.
    sweep: async () => [],

    close,
  };
}

/** @throws IssuerFailure `issuer_unavailable` where the caller has given up. */
function bounded(signal: AbortSignal): AbortSignal {
  if (signal.aborted) throw new IssuerFailure("issuer_unavailable", "the caller has given up");
  return AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
}

async function sighted(look: () => Promise<Sighting>): Promise<Sighting> {
  try {
    return await look();
  } catch (error) {
    return { state: "unknown", how: error instanceof Error ? error.message : "no answer" };
  }
}

/** One after the other for each run. */
function makeTurns() {
  const last = new Map<RunId, Promise<unknown>>();
  return async <T>(run: RunId, work: () => Promise<T>): Promise<T> => {
    const before = last.get(run) ?? Promise.resolve();
    const mine = before.catch(() => undefined).then(work);
    last.set(run, mine);
    try {
      return await mine;
    } finally {
      if (last.get(run) === mine) last.delete(run);
    }
  };
}

function requireOffers({ metadata }: OauthServer, { name, mode, without }: OauthIssuerParts): void {
  const needed =
    mode.kind === "registration"
      ? (["registration", "introspection"] as const)
      : (["revocation", "introspection"] as const).filter((each) => !without.includes(each));
  const missing = needed.filter((each) => metadata[`${each}_endpoint`] === undefined);
  if (missing.length === 0) return;
  throw new MayflyError({
    code: "config_invalid",
    message: `issuer ${name}: its server can't do what the config asks of it`,
    found: `metadata without ${missing.map((each) => `${each}_endpoint`).join(" and ")}`,
    needed:
      mode.kind === "registration"
        ? "registration and introspection, for a client for each run"
        : "a way to end tokens and one to prove it",
    next:
      mode.kind === "registration"
        ? 'mode: "token", with tokens that are revoked one by one'
        : `without: [${missing.map((each) => `"${each}"`).join(", ")}], and tokens that live five minutes at most`,
  });
}
