// A world for leases: the real ledger in memory, a clock that moves when told, and an issuer that behaves as its script
// says. What is live at the issuer is known to the test, whatever the issuer tells.

import { openSqliteStore, type SqliteStore } from "../../../runtime/adapters/stores/sqlite.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { type Leases, makeLeases } from "../../../runtime/compose/leases.ts";
import { makeSeals, type Seals } from "../../../runtime/core/audit/chain.ts";
import type { Broker } from "../../../runtime/core/leases/broker.ts";
import type { Revoker } from "../../../runtime/core/leases/revoker.ts";
import { MayflyError } from "../../../runtime/model/error.ts";
import type { CredentialGrant } from "../../../runtime/model/grant.ts";
import { leaseIdOf, type RunId, runIdFrom } from "../../../runtime/model/ids.ts";
import type { Lease, LeaseState } from "../../../runtime/model/lease.ts";
import { defaultLimits } from "../../../runtime/model/limits.ts";
import { nothingToTearDown, noUsage, type RunRecord } from "../../../runtime/model/run.ts";
import { isoTime } from "../../../runtime/model/units.ts";
import type { Clock } from "../../../runtime/ports/clock.ts";
import {
  type CredentialIssuer,
  type IssuedCredential,
  type IssueRequest,
  IssuerFailure,
  type Proof,
} from "../../../runtime/ports/credential-issuer.ts";
import type { Random } from "../../../runtime/ports/random.ts";
import type { Change, Owner, RunRow } from "../../../runtime/ports/store.ts";
import { openBox } from "../../../runtime/testkit/open-box.ts";

export interface HandClock extends Clock {
  /** Moves time on and lets everything happen that comes of it. */
  advance(ms: number): Promise<void>;
  /** As after a stop: time has passed, and what was due meanwhile happens now, in order. */
  stall(ms: number): Promise<void>;
  /** Sets the wall clock on or back. */
  step(ms: number): void;
  readonly waiting: number;
}

export function handClock(startMs = 1_800_000_000_000): HandClock {
  let now = startMs;
  let steppedMs = 0;
  let timers: { at: number; call: () => void }[] = [];
  return {
    nowMs: () => now + steppedMs,
    monotonicMs: () => now,
    setTimer(delayMs, call) {
      const timer = { at: now + delayMs, call };
      timers.push(timer);
      return () => {
        timers = timers.filter((each) => each !== timer);
      };
    },
    async advance(ms) {
      const until = now + ms;
      for (;;) {
        await settle();
        const at = timers.reduce((first, timer) => Math.min(first, timer.at), Number.POSITIVE_INFINITY);
        if (at > until) break;
        const due = timers.filter((timer) => timer.at === at);
        timers = timers.filter((timer) => timer.at !== at);
        now = Math.max(now, at);
        for (const timer of due) timer.call();
      }
      now = until;
      await settle();
    },
    async stall(ms) {
      now += ms;
      const due = timers.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
      timers = timers.filter((each) => !due.includes(each));
      for (const { call } of due) call();
      await settle();
    },
    step(ms) {
      steppedMs += ms;
    },
    get waiting() {
      return timers.length;
    },
  };
}

/** Lets all that can go on without time go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

type Script<Args extends unknown[], Value> = (usual: () => Promise<Value>, ...args: Args) => Promise<Value>;

export interface ScriptedIssuer extends CredentialIssuer {
  /** Secrets that the resource would take, by run. */
  readonly live: Map<RunId, string>;
  /** What it was asked, in order: "issue", "revoke", … */
  readonly asked: string[];
  onIssue: Script<[IssueRequest, AbortSignal], IssuedCredential>;
  onRevoke: Script<[RunId], void>;
  onProve: Script<[RunId], Proof>;
  onSweep: Script<[], { runId: RunId }[]>;
}

export function scriptedIssuer(): ScriptedIssuer {
  const live = new Map<RunId, string>();
  const asked: string[] = [];
  const issuer: ScriptedIssuer = {
    kind: "scripted",
    live,
    asked,
    onIssue: (usual) => usual(),
    onRevoke: (usual) => usual(),
    onProve: (usual) => usual(),
    onSweep: (usual) => usual(),
    checkScope: () => {},
    issue(request, signal) {
      asked.push("issue");
      const { runId } = request.lease;
      const usual = async () => {
        const secret = `secret ${asked.length} of ${runId}`;
        live.set(runId, secret);
        return { secret, expiresAt: request.expiresAt };
      };
      return issuer.onIssue(usual, request, signal);
    },
    revoke({ runId }) {
      asked.push("revoke");
      return issuer.onRevoke(async () => void live.delete(runId), runId);
    },
    prove({ runId }) {
      asked.push("prove");
      const usual = async (): Promise<Proof> =>
        live.has(runId) ? { verdict: "alive", how: "resource: taken" } : { verdict: "dead", how: "resource: refused" };
      return issuer.onProve(usual, runId);
    },
    sweep() {
      asked.push("sweep");
      return issuer.onSweep(async () => [...live.keys()].map((runId) => ({ runId })));
    },
    close: async () => {},
  };
  return issuer;
}

/** Gives each call a promise that the test settles. */
export function held<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  return Promise.withResolvers<T>();
}

export function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}

export interface World {
  clock: HandClock;
  seals: Seals;
  store: SqliteStore;
  issuer: ScriptedIssuer;
  broker: Broker;
  revoker: Revoker;
  /** What the operator was told. */
  told: string[];
  /** Commits for which this answers true fail, and change nothing. */
  failCommits(when: (changes: readonly Change[]) => boolean): void;
  /** Names of the lease events in the audit, in order. */
  events(runId?: RunId): string[];
}

/** Jitter at its longest, so that a pause is the number in the text. */
export const longestPauses: Random = { bytes: (count) => new Uint8Array(count).fill(0xff) };

/** @param issuers further ones, by name; every other name is `issuer`. */
export function makeWorld(issuers: Record<string, ScriptedIssuer> = {}): World {
  const clock = handClock();
  const told: string[] = [];
  const seals = makeSeals(new Uint8Array(32));
  const real = openSqliteStore({ path: ":memory:", clock, random: systemRandom, seals });
  let fails: (changes: readonly Change[]) => boolean = () => false;
  const store: SqliteStore = {
    ...real,
    async commit(changes) {
      if (!fails(changes)) return real.commit(changes);
      throw new MayflyError({ code: "store_unavailable", message: "the disk is full" });
    },
  };
  const issuer = scriptedIssuer();
  const leases = makeLeases({
    store,
    box: openBox,
    issuer: async (name) => issuers[name] ?? issuer,
    onAlert: (message) => told.push(message),
    clock,
    random: longestPauses,
  });
  return {
    clock,
    seals,
    store,
    issuer,
    ...leases,
    told,
    failCommits(when) {
      fails = when;
    },
    events: (runId) =>
      store
        .auditEntries(1, 10_000)
        .filter(({ event }) => event.type.startsWith("lease.") && (runId === undefined || event.runId === runId))
        .map(({ event }) => event.type.slice("lease.".length)),
  };
}

export function newRunId(): RunId {
  return runIdFrom(systemRandom.bytes(16));
}

export const grant: CredentialGrant = {
  issuer: "partner",
  scope: ["orders:read"],
  ttlMs: 120_000,
  delivery: "revealed",
  purpose: "nightly sync",
  ...{ idleMs: null, usesMax: null, onLeak: "revoke" },
};

export function requestFor(runId: RunId, clock: Clock) {
  return { runId, job: "sync", tenant: "default", grant, deadlineAt: clock.nowMs() + 60_000 };
}

/** A lease of job `sync` at `partner`, for two minutes from the world's beginning. */
export function leaseOf(runId: RunId, state: LeaseState): Lease {
  const at = 1_800_000_000_000;
  const { issuer, scope, purpose, delivery } = grant;
  return {
    ...{ id: leaseIdOf(runId), runId, job: "sync", issuer, state, scope, purpose, delivery },
    ...{ intendedAt: at, issuedAt: state === "intended" ? null : at, expiresAt: at + 120_000 },
    ...{ revokedAt: null, proof: null, attempts: 0, nextAttemptAt: null, lastError: null, handle: null },
  };
}

/** A run in the ledger, as the named owner left it. */
export function rowOf(id: RunId, owner: string, state: RunRecord["state"], changes: Partial<RunRow> = {}): RunRow {
  const at = isoTime(1_800_000_000_000);
  const record: RunRecord = {
    id,
    job: "sync",
    trigger: { kind: "submit" },
    state,
    result: null,
    error: null,
    acceptedAt: at,
    startedAt: state === "accepted" ? null : at,
    endedAt: null,
    bundle: null,
    limits: defaultLimits,
    usage: { ...noUsage },
    lease: null,
    denials: [],
    leaks: [],
    outputs: [],
    teardown: { ...nothingToTearDown },
    layers: [],
  };
  return { record, owner, input: "null", pid: null, startTicks: null, tornDown: false, ...changes };
}

export function owner(id: string, role: Owner["role"] = "start"): Owner {
  return { id, role, pid: 1, startTicks: 1, bootId: "boot", since: 0 };
}

// ─── Issuers that fail, and leases to be ended ─────────────────────────────────────────────────────────────────────

export async function down(): Promise<never> {
  throw new IssuerFailure("issuer_unavailable", "connection refused");
}

export async function refusal(): Promise<never> {
  throw new IssuerFailure("issuer_refused", "403");
}

export const leftOpen = { reason: "left open", urgency: "background", triesMax: 1 } as const;

/** A lease in the ledger, whose credential is alive. */
export async function leaveLease(world: World, changes: Partial<Lease> = {}): Promise<Lease> {
  const runId = newRunId();
  const lease: Lease = { ...leaseOf(runId, "issued"), expiresAt: world.clock.nowMs() + 120_000, ...changes };
  world.issuer.live.set(runId, "secret");
  await world.store.commit([{ put: "lease", lease }]);
  return lease;
}

/** Another process of the same installation. */
export function restarted({ store, clock, issuer }: World, told: string[] = []): Leases {
  const onAlert = (message: string) => told.push(message);
  return makeLeases({ store, clock, onAlert, box: openBox, random: longestPauses, issuer: async () => issuer });
}

export function countOf(asked: readonly string[], what: string): number {
  return asked.filter((each) => each === what).length;
}
