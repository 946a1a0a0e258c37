// How a run's token ends, and how that is proven: by the run's client (RFC 7592), or token by token (RFC 7009, RFC 7662).
// Answers for finding what has to be ended from the handle of a lease, and from what this process knows of its own runs,
// which may be a note ahead of it. What the answers prove is oauth-handle.ts's.
import type { RunId } from "../../model/ids.ts";
import type { EpochMs } from "../../model/units.ts";
import { IssuerFailure, type LeaseRef, type Proof } from "../../ports/credential-issuer.ts";
import { conclude, covers, nothing, type OauthHandle, parseHandle, type Sighting } from "./oauth-handle.ts";
import { deleteClient, lookForClient } from "./oauth-registration.ts";
import type { Caller, OauthServer } from "./oauth-server.ts";

export interface Endings {
  /** Remembers what is, or may be, at the server for a run. */
  remember(run: RunId, handle: OauthHandle): void;
  /** What was noted for a run that has nothing else was not asked for, and won't be. */
  neverAsked(run: RunId): void;
  revoke(lease: LeaseRef, signal: AbortSignal): Promise<void>;
  prove(lease: LeaseRef, secret: string | undefined, signal: AbortSignal): Promise<Proof>;
  /** Before another is issued. @throws IssuerFailure `issuer_refused` when an earlier one goes on living. */
  endEarlier(lease: LeaseRef, signal: AbortSignal): Promise<void>;
}

/** Runs that are remembered beyond their death. */
const settledMax = 1_000;

const worstFirst: readonly Proof["verdict"][] = ["alive", "unknowable", "dead"];

/** @param self Mayfly's own client: asks introspection, and revokes its tokens. */
export function makeEndings(server: OauthServer, self: Caller, nowMs: () => EpochMs): Endings {
  const { introspection_endpoint: introspection, revocation_endpoint: revocation } = server.metadata;
  /** Of runs of this process that are not proven dead. */
  const known = new Map<RunId, OauthHandle>();
  /**
   * Of the last runs that are: a lease whose issue is under way is ended a second time when that is over, by a note that is
   * behind what was known here.
   */
  const settled = new Map<RunId, OauthHandle>();

  /** What was noted, here or by a process before; both where neither has the other in it. */
  function handlesOf({ runId, handle }: LeaseRef): OauthHandle[] {
    const mine = known.get(runId) ?? settled.get(runId);
    const noted = handle === undefined ? undefined : parseHandle(handle);
    if (mine !== undefined && noted !== undefined && covers(mine, noted)) return [mine];
    return [mine, noted].filter((each) => each !== undefined);
  }

  function settle(run: RunId): void {
    const mine = known.get(run);
    if (mine === undefined) return;
    known.delete(run);
    settled.set(run, mine);
    const [oldest] = settled.keys();
    if (settled.size > settledMax && oldest !== undefined) settled.delete(oldest);
  }

  async function endAll({ client, tokens }: OauthHandle, signal: AbortSignal): Promise<void> {
    if (client !== undefined) return deleteClient(server, client, signal);
    if (revocation === undefined) return;
    for (const token of tokens.toReversed()) await server.revoke(self, token, signal); // a refresh token first
  }

  /** A token that a crash left before introspection was asked is shown to it now, or its death could never be proven. */
  async function learn(run: RunId, handle: OauthHandle, signal: AbortSignal): Promise<void> {
    if (handle.sure || handle.tokens.length === 0) return;
    const shown = await Promise.all(lookForTokens(handle.tokens, signal));
    const mine = known.get(run);
    const isAlone = mine === undefined || covers(handle, mine);
    const areThere = shown.length > 0 && shown.every(({ state }) => state === "there");
    if (areThere && isAlone) known.set(run, { ...handle, sure: true });
  }

  async function revoke(lease: LeaseRef, signal: AbortSignal): Promise<void> {
    const endings = handlesOf(lease).map(async (handle) => {
      await learn(lease.runId, handle, signal);
      await endAll(handle, signal);
    });
    await Promise.all(endings);
  }

  async function proveOne(handle: OauthHandle, secret: string | undefined, signal: AbortSignal): Promise<Proof> {
    const { client } = handle;
    const tokens = new Set([...handle.tokens, ...(secret === undefined ? [] : [secret])]);
    const [atHome, ...shown] = await Promise.all([
      client === undefined ? undefined : sighted(() => lookForClient(server, client, signal)),
      ...lookForTokens([...tokens], signal),
    ]);
    return conclude(handle, { client: atHome, tokens: shown }, nowMs());
  }

  /** Nothing where the server has no introspection. */
  function lookForTokens(tokens: readonly string[], signal: AbortSignal): Promise<Sighting>[] {
    if (introspection === undefined) return [];
    return tokens.map((token) =>
      sighted(async () => {
        const { active } = await server.introspect(self, token, signal);
        return active
          ? { state: "there", how: "introspection: active" }
          : { state: "gone", how: "introspection: inactive" };
      }),
    );
  }

  async function prove(lease: LeaseRef, secret: string | undefined, signal: AbortSignal): Promise<Proof> {
    const proofs = await Promise.all(handlesOf(lease).map((handle) => proveOne(handle, secret, signal)));
    const byVerdict = worstFirst.map((verdict) => proofs.find((proof) => proof.verdict === verdict));
    const worst = byVerdict.find((proof) => proof !== undefined);
    if (worst?.verdict === "dead") settle(lease.runId);
    return worst ?? { verdict: "dead", how: "nothing was asked of the server for this run" };
  }

  return {
    remember(run, handle) {
      known.set(run, handle);
    },
    neverAsked(run) {
      if (!known.has(run)) known.set(run, nothing);
    },
    revoke,
    prove,
    async endEarlier(lease, signal) {
      await revoke(lease, signal);
      const { verdict } = await prove(lease, undefined, signal);
      if (verdict === "alive") throw new IssuerFailure("issuer_refused", "an earlier token of this run can't be ended");
    },
  };
}

async function sighted(look: () => Promise<Sighting>): Promise<Sighting> {
  try {
    return await look();
  } catch (error) {
    return { state: "unknown", how: error instanceof Error ? error.message : "no answer" };
  }
}
