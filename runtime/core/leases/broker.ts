// The life of a lease, as a list of verbs: acquire, use, end. Nothing is issued before the intent is durable; what was
// issued and can't be recorded is undone; the end begins the moment it is asked for and is written down only on proof.
// A secret lives in this process's memory for as long as its lease is `issued`, and nowhere else.
import { messageOf } from "../../model/error.ts";
import type { CredentialGrant } from "../../model/grant.ts";
import { leaseIdOf, type RunId } from "../../model/ids.ts";
import type { Lease } from "../../model/lease.ts";
import type { EpochMs } from "../../model/units.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  type CommandRequest,
  type CommandResult,
  type CredentialIssuer,
  type EgressKey,
  type ExecRequest,
  type ExecResult,
  type IssuedCredential,
  IssuerFailure,
  type LeaseRef,
  type Proof,
  type QueryRequest,
  type QueryResult,
} from "../../ports/credential-issuer.ts";
import type { SecretBox } from "../../ports/secret-box.ts";
import type { Store } from "../../ports/store.ts";

/** An issuer has this long for one answer, ms. */
export const issuerTimeoutMs = 10_000;
/** A lease may outlive its run's deadline by this much at the issuer, ms, so that a slow end still finds it. */
export const graceMs = 60_000;
/** Tries to end a lease before the run's teardown goes on without proof. */
const endTriesMax = 4;
const firstPauseMs = 50;
const pauseMsMax = 60_000;

export interface LeaseRequest {
  runId: RunId;
  job: string;
  tenant: string;
  grant: CredentialGrant;
  /** The run's deadline. */
  deadlineAt: EpochMs;
}

/** A live lease in the hands of the run's capability. */
export interface LiveLease {
  readonly lease: Lease;
  /** undefined once the end has begun. */
  secret(): string | undefined;
  /** undefined once the end has begun, and for what is a text. */
  egress(): EgressKey | undefined;
  /** Every text that gives the credential away; for the leak guard, which needs them after the end too. */
  readonly parts: readonly string[];
  query(request: QueryRequest, signal: AbortSignal): Promise<QueryResult>;
  command(request: CommandRequest, signal: AbortSignal): Promise<CommandResult>;
  exec(request: ExecRequest, signal: AbortSignal): Promise<ExecResult>;
}

export interface Broker {
  /** The run's one lease: made at the first call, the same at every later one. Rejects with IssuerFailure. */
  acquire(request: LeaseRequest): Promise<LiveLease>;
  /** Ends the run's lease. Resolves with what is known then: `revoked` with proof, or `unconfirmed`. undefined when there is none. */
  end(runId: RunId): Promise<Lease | undefined>;
  /** One more try for a lease that is not proven dead. */
  retry(lease: Lease): Promise<Lease>;
}

export interface BrokerParts {
  store: Store;
  clock: Clock;
  /** For the handles of leases. */
  box: SecretBox;
  /** By name in the config. Rejects with IssuerFailure when it can't be had. */
  issuer: (name: string) => Promise<CredentialIssuer>;
}

interface Held {
  ready: Promise<LiveLease>;
  secret: string | undefined;
  ended: boolean;
  ending: Promise<Lease | undefined> | undefined;
  /** The issuer has been asked for a credential and has not answered yet. */
  asking: boolean;
}

export function makeBroker({ store, clock, box, issuer }: BrokerParts): Broker {
  const held = new Map<RunId, Held>();

  async function issue(request: LeaseRequest, hold: Held): Promise<LiveLease> {
    const { runId, job, tenant, grant } = request;
    const now = clock.nowMs();
    const intended: Lease = {
      id: leaseIdOf(runId),
      runId,
      job,
      issuer: grant.issuer,
      state: "intended",
      scope: grant.scope,
      purpose: grant.purpose,
      delivery: grant.delivery,
      intendedAt: now,
      issuedAt: null,
      expiresAt: Math.min(now + grant.ttlMs, request.deadlineAt + graceMs),
      revokedAt: null,
      proof: null,
      attempts: 0,
      nextAttemptAt: null,
      lastError: null,
      handle: null,
    };
    const at = await issuer(grant.issuer); // before the intent: without an issuer there is nothing to intend
    await store.commit([{ put: "lease", lease: intended }, { audit: event("lease.intended", intended) }]);
    if (hold.ended) throw new IssuerFailure("issuer_unavailable", "the run ended before its credential was issued");
    const asked = {
      lease: { runId },
      job,
      tenant,
      scope: grant.scope,
      purpose: grant.purpose,
      expiresAt: intended.expiresAt,
    };
    let { handle } = intended;
    const note = async (text: string) => {
      handle = await sealHandle(runId, text);
      await store.commit([{ put: "lease", lease: { ...intended, handle } }]);
    };
    const credential = await askFor((signal) => at.issue(asked, signal, note), runId, hold);
    if (typeof credential?.secret !== "string" || credential.secret === "" || !Number.isFinite(credential.expiresAt)) {
      throw new IssuerFailure("issuer_garbage", "the issuer's answer is no credential");
    }
    hold.secret = credential.secret; // for the proof too, should the rest fail
    if (credential.expiresAt > intended.expiresAt) {
      throw new IssuerFailure("issuer_garbage", "the issuer gave a longer life than it was asked for");
    }
    const issuedAt = clock.nowMs();
    const lease: Lease = { ...intended, state: "issued", issuedAt, expiresAt: credential.expiresAt, handle };
    if (hold.ended) throw new IssuerFailure("issuer_unavailable", "the run ended while its credential was issued");
    // Should this fail, `acquire` ends the lease by its name: no credential without a record.
    await store.commit([{ put: "lease", lease }, { audit: event("lease.issued", lease) }]);
    const ref = await refOf(lease);
    const secretNow = () => (hold.ended ? undefined : hold.secret);
    const operate = <Request, Result>(
      operation:
        | ((ref: LeaseRef, secret: string, request: Request, signal: AbortSignal) => Promise<Result>)
        | undefined,
    ) => {
      return async (request: Request, signal: AbortSignal): Promise<Result> => {
        const secret = secretNow();
        if (secret === undefined || operation === undefined)
          throw new IssuerFailure("issuer_refused", "the lease has ended");
        return operation.call(at, ref, secret, request, signal);
      };
    };
    return {
      lease,
      secret: secretNow,
      egress: () => (hold.ended ? undefined : credential.egress),
      parts: credential.parts ?? [credential.secret],
      query: operate(at.query),
      command: operate(at.command),
      exec: operate(at.exec),
    };
  }

  const purposeOf = (runId: RunId) => `handle of ${runId}`;

  async function sealHandle(runId: RunId, handle: string): Promise<string> {
    const sealed = await box.seal(purposeOf(runId), new TextEncoder().encode(handle));
    return Buffer.from(sealed).toString("base64");
  }

  async function refOf({ runId, handle }: Pick<Lease, "runId" | "handle">): Promise<LeaseRef> {
    if (handle === null) return { runId };
    const opened = await box.open(purposeOf(runId), Buffer.from(handle, "base64"));
    return { runId, handle: new TextDecoder().decode(opened) };
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
    if (lease !== undefined) await attempt(lease, undefined);
  }

  async function end(runId: RunId): Promise<Lease | undefined> {
    const hold = held.get(runId);
    if (hold === undefined) return undefined;
    hold.ended = true;
    hold.ending ??= endHeld(runId, hold);
    return hold.ending;
  }

  async function endHeld(runId: RunId, hold: Held): Promise<Lease | undefined> {
    let lease = store.lease(runId);
    if (lease === undefined) {
      // The intent is not durable yet, or never will be: wait for that answer, then look again.
      await hold.ready.catch(() => undefined);
      lease = store.lease(runId);
      if (lease === undefined) return undefined;
    }
    const { secret, asking } = hold;
    const first = attempt(lease, secret);
    // An issue that is under way may come after this revocation: end once more what it leaves.
    await hold.ready.catch(() => undefined);
    let last = await first;
    const late = store.lease(runId);
    if (late !== undefined && (asking || late.issuedAt !== lease.issuedAt || hold.secret !== secret))
      last = await attempt(late, hold.secret);
    for (let tries = 1; last.state !== "revoked" && tries < endTriesMax; tries += 1) {
      await sleep(clock, pauseMs(last.attempts));
      last = await attempt(last, hold.secret);
    }
    hold.secret = undefined;
    if (last.state === "revoked") held.delete(runId);
    return last;
  }

  // Revokes, then proves. The record of the attempt is written beside it, not before it: a revocation must not wait for
  // a disk, and an intent or a lease on disk is enough for recovery to find.
  async function attempt(lease: Lease, secret: string | undefined): Promise<Lease> {
    const revoking: Lease = {
      ...lease,
      state: lease.state === "unconfirmed" ? "unconfirmed" : "revoking",
      attempts: lease.attempts + 1,
    };
    const recorded = store
      .commit([{ put: "lease", lease: revoking }, { audit: event("lease.revoking", revoking) }])
      .catch(() => undefined);
    let proof: Proof;
    try {
      const [at, ref] = await Promise.all([issuer(lease.issuer), refOf(lease)]);
      proof = await withTimeout(clock, async (signal) => {
        await at.revoke(ref, signal);
        return at.prove(ref, secret, signal);
      });
    } catch (error) {
      proof = { verdict: "unknowable", how: messageOf(error) };
    }
    await recorded;
    const after = outcome(revoking, proof);
    await store.commit([
      { put: "lease", lease: after },
      { audit: event(after.state === "revoked" ? "lease.revoked" : "lease.unconfirmed", after) },
    ]);
    return after;
  }

  function outcome(lease: Lease, proof: Proof): Lease {
    const now = clock.nowMs();
    if (proof.verdict === "dead")
      return { ...lease, state: "revoked", revokedAt: now, proof: proof.how, nextAttemptAt: null, lastError: null };
    const lastError = proof.verdict === "alive" ? `still alive: ${proof.how}` : proof.how;
    return { ...lease, state: "unconfirmed", nextAttemptAt: now + pauseMs(lease.attempts), lastError };
  }

  return {
    async acquire(request) {
      const { runId } = request;
      const before = held.get(runId);
      if (before !== undefined) return before.ready;
      const hold: Held = {
        ready: Promise.reject(new Error("not asked yet")),
        secret: undefined,
        ended: false,
        ending: undefined,
        asking: false,
      };
      hold.ready.catch(() => undefined);
      held.set(runId, hold);
      hold.ready = issue(request, hold);
      try {
        return await hold.ready;
      } catch (error) {
        // Whether the issuer made something is unknown: end it by its name, and say no to the run.
        void store
          .commit([{ audit: { ...event("lease.failed", request), detail: messageOf(error) } }])
          .catch(() => undefined);
        hold.ended = true;
        hold.ending ??= endHeld(runId, hold);
        throw error instanceof IssuerFailure ? error : new IssuerFailure("issuer_unavailable", messageOf(error), error);
      }
    },
    end,
    retry: (lease) => attempt(lease, undefined),
  };
}

function event(
  type: "lease.intended" | "lease.issued" | "lease.failed" | "lease.revoking" | "lease.revoked" | "lease.unconfirmed",
  about: Lease | LeaseRequest,
) {
  const lease = "grant" in about ? { ...about.grant, ...about, proof: null, lastError: null } : about;
  const detail = lease.proof ?? lease.lastError ?? `${lease.scope.join(" ")}; ${lease.purpose}`;
  return { type, runId: lease.runId, job: lease.job, leaseId: leaseIdOf(lease.runId), target: lease.issuer, detail };
}

/** Exponential, capped: 50, 100, 200 ms … 1 min. */
function pauseMs(attempts: number): number {
  return Math.min(pauseMsMax, firstPauseMs * 2 ** Math.min(20, Math.max(0, attempts - 1)));
}

function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimer(ms, resolve));
}

/** One question to an issuer, bounded in time whatever the issuer does. */
export async function withTimeout<T>(clock: Clock, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const { promise, reject } = Promise.withResolvers<never>();
  const cancel = clock.setTimer(issuerTimeoutMs, () => {
    const late = new IssuerFailure("issuer_unavailable", `the issuer gave no answer within ${issuerTimeoutMs} ms`);
    stop.abort(late);
    reject(late);
  });
  try {
    return await Promise.race([ask(stop.signal), promise]);
  } finally {
    cancel();
  }
}
