// A world for leases: the real ledger in memory, a clock that moves when told, and an issuer that behaves as its script
// says. What is live at the issuer is known to the test, whatever the issuer tells.

import { openSqliteStore, type SqliteStore } from "../../../runtime/adapters/stores/sqlite.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { makeSeals, type Seals } from "../../../runtime/core/audit/chain.ts";
import { type Broker, makeBroker } from "../../../runtime/core/leases/broker.ts";
import { MayflyError } from "../../../runtime/model/error.ts";
import type { CredentialGrant } from "../../../runtime/model/grant.ts";
import { type RunId, runIdFrom } from "../../../runtime/model/ids.ts";
import { defaultLimits } from "../../../runtime/model/limits.ts";
import { nothingToTearDown, noUsage, type RunRecord } from "../../../runtime/model/run.ts";
import { isoTime } from "../../../runtime/model/units.ts";
import type { Clock } from "../../../runtime/ports/clock.ts";
import type {
  CredentialIssuer,
  IssuedCredential,
  IssueRequest,
  Proof,
} from "../../../runtime/ports/credential-issuer.ts";
import type { Change, Owner, RunRow } from "../../../runtime/ports/store.ts";
import { openBox } from "../../../runtime/testkit/open-box.ts";

export interface HandClock extends Clock {
  /** Moves time on and lets everything happen that comes of it. */
  advance(ms: number): Promise<void>;
  readonly waiting: number;
}

export function handClock(startMs = 1_800_000_000_000): HandClock {
  let now = startMs;
  let timers: { at: number; call: () => void }[] = [];
  return {
    nowMs: () => now,
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
        const next = timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        timers = timers.filter((each) => each !== next);
        now = Math.max(now, next.at);
        next.call();
      }
      now = until;
      await settle();
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
  /** Commits for which this answers true fail, and change nothing. */
  failCommits(when: (changes: readonly Change[]) => boolean): void;
  /** Names of the lease events in the audit, in order. */
  events(runId?: RunId): string[];
}

export function makeWorld(): World {
  const clock = handClock();
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
  return {
    clock,
    seals,
    store,
    issuer,
    broker: makeBroker({ store, clock, box: openBox, issuer: async () => issuer }),
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
