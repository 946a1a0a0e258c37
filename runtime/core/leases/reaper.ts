// What an earlier process left behind is ended here: processes, leases, directories, and the records that say so. It
// runs at every start and, in a long-lived process, again and again. All of it can be repeated, and a crash in the
// middle leaves work that the next one finds.
//
//   0  dead owners             fenced off first: should one live after all, it can begin nothing more
//   1  runs of dead owners     executor killed by pid and start time → lease ended → directory removed → record closed
//      identities of theirs    inactive from then on
//   2  leases without proof    handed to the revoker, each for its own time
//   3  issuers' own lists      what exists there under our names without a living run: ended (its issue was never recorded)
//   4  directories             of runs that nobody owns
//   5  executors               that no run had yet when their supervisor died
//
// A run that was accepted and never launched is not lost: it is handed to `adopt` by a process that serves submissions.
// An issuer that is down holds up no start: its leases stay the revoker's, and their runs' records say `unconfirmed`.
import { messageOf } from "../../model/error.ts";
import { isRunId, leaseIdOf, type RunId } from "../../model/ids.ts";
import type { Lease } from "../../model/lease.ts";
import { type Confirmation, finalRunStates, type RunRecord } from "../../model/run.ts";
import { isoTime } from "../../model/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { CredentialIssuer } from "../../ports/credential-issuer.ts";
import type { KillLeftBehind } from "../../ports/executor-process.ts";
import type { FileTrees } from "../../ports/file-tree.ts";
import type { IdentityIssuer } from "../../ports/identity.ts";
import type { Owner, RunRow, Store } from "../../ports/store.ts";
import { withTimeout } from "./ask.ts";
import type { Revoker } from "./revoker.ts";

/** Recovery waits so long for leases of dead runs before it writes `unconfirmed` and goes on, ms. */
export const recoveryWaitMs = 5_000;
/** How often issuers are asked for their own lists by a process that serves, ms. */
export const sweepEveryMs = 60_000;
/** Looking through the ledger may take this part of a process's time: with very many open leases it looks less often. */
const lookShare = 0.05;

export interface ReaperParts {
  store: Store;
  clock: Clock;
  revoker: Revoker;
  identity: Pick<IdentityIssuer, "end" | "active">;
  trees: FileTrees;
  killLeftBehind: KillLeftBehind;
  /** Ends executors that none of these processes has made; resolves with their count. */
  killOrphans: (living: readonly Owner[]) => Promise<number>;
  /** Whether that process, told by pid, start time and boot, still runs. */
  isAlive: (owner: Owner) => boolean;
  /** This process. A run of its own that it doesn't hold (the ledger could not be written at its end) is closed like an orphan's. */
  owner: string;
  holds: (runId: RunId) => boolean;
  /** Names of all configured issuers. */
  issuerNames: readonly string[];
  issuer: (name: string) => Promise<CredentialIssuer>;
  /**
   * What to do with a run that was accepted and never launched: `taken` by this process, `left` for one that serves
   * submissions, or `closed` as lost since nobody waits for it any more.
   */
  adopt: (row: RunRow) => "taken" | "left" | "closed";
  onClosed: (record: RunRecord) => void;
  onAlert: (message: string) => void;
}

/** What one pass found and did. */
export interface Reaped {
  runs: number;
  leases: number;
  directories: number;
  /** Leases that are still not proven dead. */
  unconfirmed: number;
}

export interface Reaper {
  /** Everything; for a start. With `launch: false` runs that wait to be launched are left for `takeOver`. */
  recover(options?: { launch?: boolean }): Promise<Reaped>;
  /** Runs that wait to be launched, and what else has come since. */
  takeOver(): Promise<Reaped>;
  /** Open leases that nobody looks after, runs of owners that died since, and now and then the issuers' lists; for a timer. */
  tick(): Promise<Reaped>;
}

export function makeReaper(parts: ReaperParts): Reaper {
  const { store, clock, revoker, trees, isAlive } = parts;
  /** Runs that a pass is busy with: an issuer that hangs must not hold up the next pass, nor be asked twice. */
  const closing = new Set<RunId>();
  /** Issuers whose list could not be had: said once. */
  const unlisted = new Set<string>();
  /** Of each list that is under way: leases that were proven dead since it was asked for. */
  const provenMeanwhile = new Set<Set<RunId>>();
  let lookAgainAtMs = Number.NEGATIVE_INFINITY;
  let sweptAtMs = clock.monotonicMs();
  revoker.onProven((lease) => {
    for (const proven of provenMeanwhile) proven.add(lease.runId);
    confirmInRecord(lease).catch(() => undefined); // a later pass finds it
  });

  async function recover({ launch = true }: { launch?: boolean } = {}): Promise<Reaped> {
    const reaped = await look(launch);
    const living = store.owners().filter(isAlive);
    const [strays, directories] = await Promise.all([
      sweepIssuers(),
      sweepDirectories(),
      parts.killOrphans(living).catch(() => 0),
    ]);
    return { ...reaped, leases: reaped.leases + strays, directories: reaped.directories + directories };
  }

  async function tick(): Promise<Reaped> {
    store.fence(); // found out now, rather than at the next effect
    const beganMs = clock.monotonicMs();
    const strays = beganMs - sweptAtMs >= sweepEveryMs ? sweepIssuers() : Promise.resolve(0);
    if (beganMs < lookAgainAtMs) return { runs: 0, leases: await strays, directories: 0, unconfirmed: 0 };
    const reaped = await look();
    return { ...reaped, leases: reaped.leases + (await strays) };
  }

  async function look(launch = true): Promise<Reaped> {
    const dead = store.owners().filter((owner) => owner.id !== parts.owner && !isAlive(owner));
    await Promise.all(dead.filter(({ fence }) => fence !== 0).map(({ id }) => store.fenceOff(id)));
    const beganMs = clock.monotonicMs();
    const living = livingOwners();
    const left = store.unfinishedRuns().filter((row) => !isInHands(row, living) && isForUs(row));
    const closings = left.filter(({ record }) => launch || record.state !== "accepted").map(closeRun);
    const identitiesEnd = endIdentities(living);
    const leases = adoptOpen(living);
    lookAgainAtMs = clock.monotonicMs() + (clock.monotonicMs() - beganMs) / lookShare;
    const closed = await Promise.all(closings);
    await identitiesEnd;
    // Only now: an owner's row is what makes its runs findable as orphans.
    const stillOpen = new Set(store.unfinishedRuns().map((row) => row.owner));
    await Promise.all(dead.filter((owner) => !stillOpen.has(owner.id)).map((owner) => store.unregister(owner.id)));
    const unconfirmed = store.openLeases().filter((lease) => lease.state === "unconfirmed").length;
    return { runs: closed.filter(Boolean).length, leases, directories: 0, unconfirmed };
  }

  async function endIdentities(living: ReturnType<typeof livingOwners>): Promise<void> {
    const orphaned = parts.identity.active().filter((runId) => !isHeldByLivingRun(runId, living));
    await Promise.all(orphaned.map((runId) => parts.identity.end(runId).catch(() => undefined)));
  }

  /** Not one that a pass is busy with, nor one of which only the lease is open, and that with the revoker. */
  function isForUs({ record }: RunRow): boolean {
    if (closing.has(record.id)) return false;
    const { lease, ...rest } = record.teardown;
    const onlyLease = lease === "unconfirmed" && !Object.values(rest).includes("unconfirmed");
    return !(record.endedAt !== null && onlyLease && revoker.holds(record.id));
  }

  async function closeRun(row: RunRow): Promise<boolean> {
    const { record } = row;
    if (record.state === "accepted" && parts.adopt(row) !== "closed") return false;
    closing.add(record.id);
    try {
      const lease = store.lease(record.id);
      const leaseEnds = lease === undefined ? Promise.resolve(lease) : endWithin(lease);
      const isGone =
        row.pid === null || row.startTicks === null || (await parts.killLeftBehind(row.pid, row.startTicks));
      const isSwept = await trees.sweep(record.id).catch(() => false);
      return await writeClosed(row, closedRow(row, { isGone, isSwept, lease: await leaseEnds }));
    } finally {
      closing.delete(record.id);
    }
  }

  // The end of a run is written once; what was open then is written again when it has changed.
  async function writeClosed(before: RunRow, after: RunRow): Promise<boolean> {
    const { id, job, state } = before.record;
    if (finalRunStates.includes(state)) {
      if (JSON.stringify(before) !== JSON.stringify(after)) await store.commit([{ put: "run", row: after }]);
      return after.tornDown;
    }
    await store.commit([
      { put: "run", row: after },
      { audit: { type: "run.lost", runId: id, job, detail: `recovered; was ${state}` } },
    ]);
    parts.onClosed(after.record);
    return true;
  }

  /** The lease as it is when it is proven dead, when its first try has failed, or when waiting for that takes too long. */
  async function endWithin(lease: Lease): Promise<Lease> {
    const isDue = (lease.nextAttemptAt ?? 0) <= clock.nowMs();
    const ended = endLeft(lease, "its process died").catch(() => lease);
    if (isDue) await within(recoveryWaitMs, ended);
    return store.lease(lease.runId) ?? lease;
  }

  function endLeft(lease: Lease, reason: string): Promise<Lease> {
    return revoker.end(lease, { reason, urgency: "background", triesMax: 1, whenDue: true });
  }

  function closedRow(row: RunRow, found: { isGone: boolean; isSwept: boolean; lease: Lease | undefined }): RunRow {
    const { record } = row;
    const say = (confirmed: boolean): Confirmation => (confirmed ? "confirmed" : "unconfirmed");
    const launched = row.pid !== null || record.startedAt !== null;
    const process = launched ? say(found.isGone) : "none";
    const lease = found.lease === undefined ? "none" : say(found.lease.state === "revoked");
    const teardown = {
      isolate: process,
      process,
      directory: say(found.isSwept),
      sockets: launched ? ("confirmed" as const) : ("none" as const),
      lease,
    };
    const wasFinal = finalRunStates.includes(record.state);
    const closed: RunRecord = {
      ...record,
      state: wasFinal ? record.state : "lost",
      error: wasFinal
        ? record.error
        : {
            code: "lost",
            message: "the supervisor died during this run; what it had was taken away at the next start",
          },
      endedAt: record.endedAt ?? isoTime(clock.nowMs()),
      teardown,
      lease: found.lease === undefined ? null : leaseOf(found.lease),
    };
    return {
      ...row,
      record: closed,
      input: null,
      ...(found.isGone ? { pid: null, startTicks: null } : {}),
      tornDown: found.isGone && found.isSwept && lease !== "unconfirmed",
    };
  }

  // A lease of a living process's running run is that process's; any other open one is ours to end.
  function adoptOpen(living: ReadonlySet<string>): number {
    const open = store.openLeases().filter(({ runId }) => !revoker.holds(runId) && !isHeldByLivingRun(runId, living));
    for (const lease of open) endLeft(lease, "left open").catch(() => undefined);
    return open.filter((lease) => (lease.nextAttemptAt ?? 0) <= clock.nowMs()).length;
  }

  // The run's record said `unconfirmed`: it may now say otherwise, and the run is done with.
  async function confirmInRecord(lease: Lease): Promise<void> {
    const row = store.run(lease.runId);
    if (row === undefined || row.tornDown || row.record.endedAt === null) return;
    const teardown = { ...row.record.teardown, lease: "confirmed" as const };
    const tornDown = Object.values(teardown).every((confirmation) => confirmation !== "unconfirmed");
    await store.commit([
      { put: "run", row: { ...row, tornDown, record: { ...row.record, teardown, lease: leaseOf(lease) } } },
    ]);
  }

  async function sweepIssuers(): Promise<number> {
    sweptAtMs = clock.monotonicMs();
    const counts = await Promise.all(
      parts.issuerNames.map(async (name) => {
        try {
          const strays = await sweepIssuer(name);
          unlisted.delete(name);
          return strays;
        } catch (error) {
          const message = `issuer ${name} could not be asked for forgotten leases: ${messageOf(error)}`;
          if (!unlisted.has(name)) parts.onAlert(message);
          unlisted.add(name);
          return 0;
        }
      }),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async function sweepIssuer(name: string): Promise<number> {
    const proven = new Set<RunId>();
    provenMeanwhile.add(proven);
    try {
      const issuer = await parts.issuer(name);
      const there = await withTimeout(clock, (signal) => issuer.sweep(signal));
      const living = livingOwners();
      const isStray = (id: RunId) => !proven.has(id) && !revoker.holds(id) && !isHeldByLivingRun(id, living);
      const strays = there.map(({ runId }) => runId).filter(isStray);
      await within(recoveryWaitMs, Promise.all(strays.map((runId) => endStray(name, runId))));
      return strays.length;
    } finally {
      provenMeanwhile.delete(proven);
    }
  }

  function endStray(issuer: string, runId: RunId): Promise<unknown> {
    const lease = store.lease(runId) ?? strayLease(issuer, runId);
    const order = { reason: "found at its issuer", urgency: "background", triesMax: 1, found: true } as const;
    return revoker.end(lease, order).catch(() => undefined);
  }

  /** Waits for it, and not for longer than that. */
  async function within(waitMs: number, ended: Promise<unknown>): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = clock.setTimer(waitMs, resolve);
    await Promise.race([ended, late]);
    cancel();
  }

  function livingOwners(): ReadonlySet<string> {
    return new Set(
      store
        .owners()
        .filter(isAlive)
        .map(({ id }) => id),
    );
  }

  function isHeldByLivingRun(runId: RunId, living: ReadonlySet<string>): boolean {
    const row = store.run(runId);
    return row !== undefined && row.record.endedAt === null && isInHands(row, living);
  }

  /** A living process has it, and it is that process's to end. */
  function isInHands({ owner, record }: RunRow, living: ReadonlySet<string>): boolean {
    return owner === parts.owner ? parts.holds(record.id) : living.has(owner);
  }

  // A credential that no record names: it gets one now, so that its end is recorded too.
  function strayLease(issuer: string, runId: RunId): Lease {
    const now = clock.nowMs();
    const unknown = { scope: [], purpose: "found at the issuer without a record", delivery: "sealed" } as const;
    const times = { intendedAt: now, issuedAt: null, expiresAt: now, revokedAt: null, nextAttemptAt: null };
    return {
      id: leaseIdOf(runId),
      runId,
      job: "unknown",
      issuer,
      state: "intended",
      ...unknown,
      ...times,
      proof: null,
      attempts: 0,
      lastError: null,
      handle: null,
    };
  }

  async function sweepDirectories(): Promise<number> {
    const living = livingOwners();
    const names = (await trees.leftBehind()).filter((name) => isRunId(name) && !isHeldByLivingRun(name, living));
    const swept = await Promise.all(names.map((name) => trees.sweep(name).catch(() => false)));
    return swept.filter(Boolean).length;
  }

  return { recover, takeOver: () => look(), tick };
}

/** The part of a lease that a run record shows. */
export function leaseOf(lease: Lease): NonNullable<RunRecord["lease"]> {
  return {
    id: lease.id,
    issuer: lease.issuer,
    state: lease.state,
    issuedAt: lease.issuedAt === null ? null : isoTime(lease.issuedAt),
    revokedAt: lease.revokedAt === null ? null : isoTime(lease.revokedAt),
    proof: lease.proof,
  };
}
