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
// had oauth-obtain.ts's, clients of runs oauth-registration.ts's, how they end and how that is proven oauth-endings.ts's.
import { MayflyError, messageOf } from "../../model/error.ts";
import { type RunId, runIdDigits } from "../../model/ids.ts";
import type { Transport } from "../../model/issuer.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  type CredentialIssuer,
  type IssuedCredential,
  type IssueRequest,
  IssuerFailure,
  type NoteHandle,
} from "../../ports/credential-issuer.ts";
import { makeIssuerHttp } from "./issuer-http.ts";
import { checkScope } from "./oauth-answer.ts";
import { makeCaller, type OauthClient } from "./oauth-client.ts";
import { makeEndings } from "./oauth-endings.ts";
import { formatHandle, nothing, type OauthHandle } from "./oauth-handle.ts";
import { isRefusal, obtainToken } from "./oauth-obtain.ts";
import { answerMs, type Order, type OrderParts, orderOf } from "./oauth-order.ts";
import { makeTrial, registerClient } from "./oauth-registration.ts";
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

/** To end what was refused, before the broker ends it again; ms. With `answerMs` below the broker's ten seconds. */
const cleanMs = 1_500;

/**
 * Asks the server what it offers.
 * @throws MayflyError `issuer_unavailable` when it can't be asked, `config_invalid` when it lacks what the config needs,
 *   `secret_missing` for a key that is none.
 */
export async function makeOauthIssuer(parts: OauthIssuerParts): Promise<CredentialIssuer> {
  const { clock, installation, transport, transportKey } = parts;
  if (!/^[0-9a-f]{8}$/.test(installation)) throw new RangeError("an installation has 8 hex digits");
  const http = makeIssuerHttp({ transport, clientKey: transportKey, nowMs: clock.nowMs });
  try {
    const self = await makeCaller(parts.client, parts.name);
    const server = await findServer(http, parts.server, AbortSignal.timeout(answerMs)).catch(unfound(parts));
    requireOffers(server, parts);
    return issuerAt(server, self, parts, () => http.close());
  } catch (error) {
    await http.close();
    throw error;
  }
}

/** One issue, as its steps hand it on. */
interface Issuing {
  request: IssueRequest;
  order: Order;
  /** Durable, and remembered. */
  keep(handle: OauthHandle): Promise<void>;
  signal: AbortSignal;
}

function issuerAt(
  server: OauthServer,
  self: Caller,
  parts: OauthIssuerParts,
  close: () => Promise<void>,
): CredentialIssuer {
  const { clock, mode } = parts;
  const endings = makeEndings(server, self, clock.nowMs);
  const inTurn = makeTurns();
  const trial = makeTrial();

  async function issue(request: IssueRequest, note: NoteHandle, signal: AbortSignal): Promise<IssuedCredential> {
    const { runId } = request.lease;
    const order = await orderOf(request, parts, clock.nowMs(), signal);
    await endings.endEarlier(request.lease, signal);
    const keep = async (handle: OauthHandle) => {
      const isThere = handle.client !== undefined || handle.tokens.length > 0; // to be ended, noted or not
      if (isThere) endings.remember(runId, handle);
      await note(formatHandle(handle)).catch((error: unknown) => {
        if (!isThere) endings.neverAsked(runId); // though what is noted may say otherwise: the run's end came in between
        throw error;
      });
      endings.remember(runId, handle);
    };
    const issuing = { request, order, keep, signal };
    try {
      return mode.kind === "token" ? await issueOwn(issuing) : await issueAsClient(issuing, mode.initial);
    } catch (error) {
      await endings.revoke({ runId }, AbortSignal.timeout(cleanMs)).catch(() => undefined);
      throw error;
    }
  }

  /** What is noted before a token is asked for. */
  function asked(sure: boolean, client?: OauthHandle["client"]): OauthHandle {
    const until = clock.nowMs() + parts.tokenLifeMs;
    return { tokens: [], until, sure, ...(client === undefined ? {} : { client }) };
  }

  /** @param heard keeps what was heard of; absent where it ends with the run's client. */
  function obtain({ order, signal }: Issuing, as: Caller, before: OauthHandle, heard?: Issuing["keep"]) {
    const expected = { ...order.expected, clientId: as.client.client_id };
    const { nowMs } = clock;
    return obtainToken({ ...order, expected, server, as, self, before, keep: heard, nowMs, signal });
  }

  async function issueOwn(issuing: Issuing): Promise<IssuedCredential> {
    const before = asked(false);
    await issuing.keep(before);
    let wasHeard = false;
    try {
      const { issued } = await obtain(issuing, self, before, (handle) => {
        wasHeard = true;
        return issuing.keep(handle);
      });
      return issued;
    } catch (error) {
      if (!wasHeard && isRefusal(error)) await issuing.keep(nothing);
      throw error;
    }
  }

  async function issueAsClient(issuing: Issuing, initial: string | null): Promise<IssuedCredential> {
    const { request, order, keep, signal } = issuing;
    const name = `mayfly-${parts.installation}-${runIdDigits(request.lease.runId)}`;
    const register = () => registerClient(server, { name, grant: order.grant, scope: request.scope }, initial, signal);
    await trial.pass({
      ...{ server, register, signal },
      async obtain({ caller, client }) {
        const before = asked(false, client);
        await keep(before);
        return obtain(issuing, caller, before, keep);
      },
      isActive: async (token) => (await server.introspect(self, token, signal)).active,
    });
    const { caller, client } = await register();
    const before = asked(true, client);
    await keep(before);
    return (await obtain(issuing, caller, before)).issued;
  }

  return {
    kind: "oauth",
    checkScope,

    async issue(request, signal, note) {
      if (note === undefined)
        throw new IssuerFailure("issuer_refused", "a token has no name: its handle must be noted");
      return inTurn(request.lease.runId, () => issue(request, note, bounded(signal)));
    },

    revoke: async (lease, signal) => endings.revoke(lease, bounded(signal)),
    prove: async (lease, secret, signal) => endings.prove(lease, secret, bounded(signal)),

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

function unfound({ name, server }: OauthIssuerParts): (cause: unknown) => never {
  return (cause) => {
    throw new MayflyError({
      code: "issuer_unavailable",
      message: `issuer ${name}: its server didn't say what it offers: ${messageOf(cause)}`,
      needed: `metadata below ${server.origin} (RFC 8414, or OpenID Connect Discovery), whose issuer is ${server.href}`,
      next: "see that the server answers there, and that the config has its issuer identifier",
    });
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
