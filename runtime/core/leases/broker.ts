// The life of a lease while its run goes on, as a list of verbs: acquire, use, end. Nothing is issued before the intent is
// durable, nor by a process that was fenced off; what was issued and can't be recorded is undone; the end begins the
// moment it is asked for, and goes on in revoker.ts until it is proven. A lease ends with its run, and before that when it
// expires, when it lies idle, and when it is revoked: then the run goes on, and finds its credential ended.
// A secret lives in this process's memory for as long as its lease is `issued`, and nowhere else.
import { messageOf } from "../../model/error.ts";
import { leaseIdOf, type RunId } from "../../model/ids.ts";
import { type Lease, nextLease } from "../../model/lease.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  type CredentialIssuer,
  type IssuedCredential,
  IssuerFailure,
  type LeaseRef,
} from "../../ports/credential-issuer.ts";
import type { Store } from "../../ports/store.ts";
import { withTimeout } from "./ask.ts";
import { leaseEvent } from "./events.ts";
import type { Handles } from "./handles.ts";
import { type LeaseRequest, type LiveLease, makeLife } from "./live-lease.ts";
import type { EndOrder, Revoker } from "./revoker.ts";
import { isMeant, selectLeases, type Target } from "./selection.ts";

export { issuerTimeoutMs, withTimeout } from "./ask.ts";
export type { LeaseRequest, LiveLease } from "./live-lease.ts";
export type { Target } from "./selection.ts";

/** A lease may outlive its run's deadline by this much at the issuer, ms, so that a slow end still finds it. */
export const graceMs = 60_000;
/** Tries to end a lease before the run's teardown, or the operator, goes on without proof. */
export const endTriesMax = 4;
/** Runs that have ended, of which the last are remembered: they get no credential any more, whoever asks. */
const endedRunsMax = 10_000;

export interface Broker {
  /** The run's one lease: made at the first call, the same at every later one. Rejects with IssuerFailure. */
  acquire(request: LeaseRequest): Promise<LiveLease>;
  /**
   * The run is over: ends its lease. Resolves with what is known then: `revoked` with proof, or not yet. undefined when
   * there is none. Rejects with MayflyError when the ledger can't be written.
   */
  end(runId: RunId): Promise<Lease | undefined>;
  /**
   * Ends leases while their runs go on, and leases that nobody holds. Resolves when each is proven dead or its tries are
   * over; those go on being tried. `onEnd` hears of each as it is known.
   */
  revoke(target: Target, reason: string, onEnd?: (lease: Lease) => void): Promise<Lease[]>;
}

export interface BrokerParts {
  store: Store;
  clock: Clock;
  handles: Handles;
  revoker: Revoker;
  /** By name in the config. Rejects with IssuerFailure when it can't be had. */
  issuer: (name: string) => Promise<CredentialIssuer>;
}

interface Held {
  request: LeaseRequest;
  ready: Promise<LiveLease>;
  /** As it is, or is being written; undefined before the intent. */
  lease: Lease | undefined;
  /** The intent is durable. */
  intended: boolean;
  secret: string | undefined;
  ended: boolean;
  ending: Promise<Lease | undefined> | undefined;
  /** Of the run's own end. */
  over: Promise<Lease | undefined> | undefined;
  /** The issuer has been asked for a credential and has not answered yet. */
  asking: boolean;
  /** Its issue failed, and what it may have left is proven dead: the run may ask once more. */
  mayAskAgain: boolean;
  /** Stops its timers. */
  release(): void;
}

export function makeBroker({ store, clock, handles, revoker, issuer }: BrokerParts): Broker {
  const held = new Map<RunId, Held>();
  const endedRuns = new Set<RunId>();

  async function issue(request: LeaseRequest, hold: Held, again: boolean): Promise<LiveLease> {
    const { runId, job, tenant, grant } = request;
    const at = await issuer(grant.issuer); // before the intent: without an issuer there is nothing to intend
    const intended = intentOf(request, clock.nowMs());
    if (intended.expiresAt <= clock.nowMs()) {
      throw new IssuerFailure(
        "issuer_refused",
        "the run's time is over by this machine's clock, which was set on meanwhile",
      );
    }
    hold.lease = intended;
    await store.commit([
      { put: "lease", lease: intended, from: again ? ["revoked"] : [] },
      { audit: leaseEvent("lease.intended", intended, `${grant.scope.join(" ")}; ${grant.purpose}`) },
    ]);
    hold.intended = true;
    refuseEnded(hold, "before its credential was issued");
    const { scope, purpose } = grant;
    const asked = { lease: { runId }, job, tenant, scope, purpose, expiresAt: intended.expiresAt };
    mayAsk(runId);
    const credential = await askFor((signal) => at.issue(asked, signal, (text) => note(hold, text)), runId, hold);
    checkCredential(credential, intended, hold);
    refuseEnded(hold, "while its credential was issued");
    const lease = nextLease(hold.lease, { type: "issued", at: clock.nowMs(), expiresAt: credential.expiresAt });
    if (lease === undefined) throw new IssuerFailure("issuer_unavailable", "the lease has ended");
    hold.lease = lease;
    // Should this fail, `acquire` ends the lease by its name: no credential without a record.
    await store.commit([
      { put: "lease", lease, from: ["intended"] },
      { audit: leaseEvent("lease.issued", lease, `${grant.scope.join(" ")}; ${grant.purpose}`) },
    ]);
    refuseEnded(hold, "while its credential was recorded");
    const ref: LeaseRef = await handles.refOf(lease);
    const life = makeLife({ store, clock, at, ref, request, lease, credential }, hold, (reason) => {
      beginEnd(hold, { reason, urgency: "run" }).catch(() => undefined); // the ledger: said at the run's end
    });
    hold.release = life.release;
    return life.live;
  }

  /** @throws MayflyError `fenced`; IssuerFailure when another process has ended what was to be issued. */
  function mayAsk(runId: RunId): void {
    store.fence();
    if (store.lease(runId)?.state === "intended") return;
    throw new IssuerFailure("issuer_unavailable", "the lease was ended before its credential was issued");
  }

  /** Durable before the issuer acts on it; nothing more is begun once the end has. */
  async function note(hold: Held, text: string): Promise<void> {
    const handle = await handles.seal(hold.request.runId, text);
    const noted = hold.ended || hold.lease === undefined ? undefined : nextLease(hold.lease, { type: "noted", handle });
    if (noted === undefined)
      throw new IssuerFailure("issuer_unavailable", "the lease was ended before its credential was issued");
    hold.lease = noted;
    await store.commit([{ put: "lease", lease: noted, from: ["intended"] }]);
    mayAsk(hold.request.runId);
  }

  // An answer that comes after we gave up waiting may stand for a live credential, and for one that the end, over by
  // then, has not seen: it is ended once more.
  async function askFor(
    ask: (signal: AbortSignal) => Promise<IssuedCredential>,
    runId: RunId,
    hold: Held,
  ): Promise<IssuedCredential> {
    let gaveUp = false;
    const answer = async (signal: AbortSignal) => {
      hold.asking = true;
      try {
        return await ask(signal);
      } finally {
        hold.asking = false;
        if (gaveUp) void endLate(runId, hold).catch(() => undefined);
      }
    };
    try {
      return await withTimeout(clock, answer);
    } finally {
      gaveUp = hold.asking;
    }
  }

  async function endLate(runId: RunId, hold: Held): Promise<void> {
    await hold.ready.catch(() => undefined);
    await hold.ending?.catch(() => undefined);
    const lease = store.lease(runId);
    if (lease !== undefined) await revoker.end(lease, { ...order("its issuer answered late", "run"), found: true });
  }

  function beginEnd(hold: Held, how: Pick<EndOrder, "reason" | "urgency">): Promise<Lease | undefined> {
    hold.ended = true;
    hold.release();
    hold.ending ??= endHeld(hold, order(how.reason, how.urgency));
    return hold.ending;
  }

  async function endHeld(hold: Held, how: EndOrder): Promise<Lease | undefined> {
    if (!hold.intended) await hold.ready.catch(() => undefined); // nothing was issued yet, nor may it be any more
    if (!hold.intended || hold.lease === undefined) return undefined;
    const { asking, secret } = hold;
    const first = revoker.end(hold.lease, { ...how, secret: () => hold.secret });
    first.catch(() => undefined); // a ledger that can't be written is heard of below, and may fail before we listen
    // An issue that is under way may come after this revocation: end once more what it leaves.
    await hold.ready.catch(() => undefined);
    let last = await first;
    if (asking || hold.secret !== secret) {
      const there = { ...last, handle: hold.lease.handle };
      last = await revoker.end(there, { ...how, secret: () => hold.secret, found: true });
    }
    hold.secret = undefined;
    return last;
  }

  async function endWithRun(runId: RunId, hold: Held): Promise<Lease | undefined> {
    const wasEnding = hold.ending !== undefined;
    const how = { reason: "the run ended", urgency: "run" } as const;
    try {
      const last = await beginEnd(hold, how);
      if (!wasEnding || last === undefined || last.state === "revoked") return last;
      return await revoker.end(last, order(how.reason, how.urgency)); // it was revoked before, and is not proven dead yet
    } finally {
      held.delete(runId);
      remember(runId);
    }
  }

  function remember(runId: RunId): void {
    endedRuns.add(runId);
    const [oldest] = endedRuns;
    if (endedRuns.size > endedRunsMax && oldest !== undefined) endedRuns.delete(oldest);
  }

  function revokeOne(lease: Lease | undefined, runId: RunId, reason: string): Promise<Lease | undefined> {
    const hold = held.get(runId);
    if (hold !== undefined && hold.ending === undefined) return beginEnd(hold, { reason, urgency: "operator" });
    return lease === undefined ? Promise.resolve(undefined) : revoker.end(lease, order(reason, "operator"));
  }

  return {
    async acquire(request) {
      const { runId } = request;
      const before = held.get(runId);
      if (before !== undefined && !(before.mayAskAgain && before.over === undefined)) return before.ready;
      if (endedRuns.has(runId)) throw new IssuerFailure("issuer_refused", "the run has ended");
      const hold = newHold(request);
      held.set(runId, hold);
      hold.ready = issue(request, hold, before !== undefined);
      try {
        return await hold.ready;
      } catch (error) {
        // Whether the issuer made something is unknown: end it by its name, and say no to the run.
        const wasEnded = hold.ended;
        const about = { runId, job: request.job, issuer: request.grant.issuer };
        void store.commit([{ audit: leaseEvent("lease.failed", about, messageOf(error)) }]).catch(() => undefined);
        beginEnd(hold, { reason: `its issue failed: ${messageOf(error)}`, urgency: "run" }).then(
          (lease) => {
            hold.mayAskAgain = !wasEnded && !hold.asking && (lease === undefined || lease.state === "revoked");
          },
          () => undefined,
        );
        throw error instanceof IssuerFailure ? error : new IssuerFailure("issuer_unavailable", messageOf(error), error);
      }
    },
    async end(runId) {
      const hold = held.get(runId);
      if (hold === undefined) remember(runId);
      else hold.over ??= endWithRun(runId, hold);
      return hold?.over;
    },
    async revoke(target, reason, onEnd = () => undefined) {
      const meant = new Map<RunId, Lease | undefined>();
      for (const lease of selectLeases(store, target)) meant.set(lease.runId, lease);
      for (const { request } of held.values()) {
        const { runId, job, grant } = request;
        if (!meant.has(runId) && isMeant(target, { runId, job, issuer: grant.issuer })) meant.set(runId, undefined);
      }
      const ended = await Promise.all(
        [...meant].map(async ([runId, lease]) => {
          const last = await revokeOne(lease, runId, reason);
          if (last !== undefined) onEnd(last);
          return last;
        }),
      );
      return ended.filter((lease) => lease !== undefined);
    },
  };
}

function order(reason: string, urgency: EndOrder["urgency"]): EndOrder {
  return { reason, urgency, triesMax: endTriesMax };
}

function newHold(request: LeaseRequest): Held {
  const ready = Promise.reject(new Error("not asked yet"));
  ready.catch(() => undefined);
  const nothing = { lease: undefined, secret: undefined, ending: undefined, over: undefined };
  const flags = { intended: false, ended: false, asking: false, mayAskAgain: false };
  return { request, ready, ...nothing, ...flags, release: () => undefined };
}

function intentOf({ runId, job, grant, deadlineAt }: LeaseRequest, now: number): Lease {
  const { issuer, scope, purpose, delivery, ttlMs } = grant;
  return {
    ...{ id: leaseIdOf(runId), runId, job, issuer, state: "intended", scope, purpose, delivery },
    ...{ intendedAt: now, issuedAt: null, expiresAt: Math.min(now + ttlMs, deadlineAt + graceMs) },
    ...{ revokedAt: null, proof: null, attempts: 0, nextAttemptAt: null, lastError: null, handle: null },
  };
}

function refuseEnded(hold: Held, when: string): void {
  if (hold.ended) throw new IssuerFailure("issuer_unavailable", `the lease was ended ${when}`);
}

function checkCredential(credential: IssuedCredential | undefined, { expiresAt }: Lease, hold: Held): void {
  if (typeof credential?.secret !== "string" || credential.secret === "" || !Number.isFinite(credential.expiresAt)) {
    throw new IssuerFailure("issuer_garbage", "the issuer's answer is no credential");
  }
  hold.secret = credential.secret; // for the proof too, should the rest fail
  if (credential.expiresAt > expiresAt) {
    throw new IssuerFailure("issuer_garbage", "the issuer gave a longer life than it was asked for");
  }
}
