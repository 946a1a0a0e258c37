// What an earlier process left behind is ended here: processes, leases, directories, and the records that say so. It
// runs at every start and, in a long-lived process, again and again. All of it can be repeated, and a crash in the
// middle leaves work that the next one finds.
//
//   1  runs of dead owners     executor killed by pid and start time → lease ended → directory removed → record closed
//      identities of theirs    inactive from then on
//   2  leases without proof    one more try when it is due; proven dead at the latest when they have expired
//   3  issuers' own lists      what exists there under our names without a living run: ended (its issue was never recorded)
//   4  directories             of runs that nobody owns
//   5  executors               that no run had yet when their supervisor died
//
// A run that was accepted and never launched is not lost: it is handed to `adopt` by a process that serves submissions.
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
import { type Broker, withTimeout } from "./broker.ts";

export interface ReaperParts {
  store: Store;
  clock: Clock;
  broker: Broker;
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
  /** Everything; for a start. */
  recover(): Promise<Reaped>;
  /** Leases that are due and runs of owners that died since; for a timer. */
  tick(): Promise<Reaped>;
}

export function makeReaper(parts: ReaperParts): Reaper {
  const { store, clock, broker, trees, isAlive } = parts;
  /** Runs and leases that a pass is busy with: an issuer that hangs must not hold up the next pass, nor be asked twice. */
  const closing = new Set<RunId>();
  const ending = new Map<RunId, Promise<Lease>>();

  async function recover(): Promise<Reaped> {
    const reaped = await tick();
    const living = store.owners().filter(isAlive);
    const [strays, directories] = await Promise.all([
      sweepIssuers(),
      sweepDirectories(),
      parts.killOrphans(living).catch(() => 0),
    ]);
    return { ...reaped, leases: reaped.leases + strays, directories: reaped.directories + directories };
  }

  async function tick(): Promise<Reaped> {
    const dead = store.owners().filter((owner) => !isAlive(owner));
    const left = store.unfinishedRuns().filter((row) => !isInHands(row) && !closing.has(row.record.id));
    const identitiesEnd = endIdentities();
    const closed = await Promise.all(left.map(closeRun));
    await identitiesEnd;
    const [leases, unconfirmed] = await retryDue();
    // Only now: an owner's row is what makes its runs findable as orphans.
    const stillOpen = new Set(store.unfinishedRuns().map((row) => row.owner));
    await Promise.all(dead.filter((owner) => !stillOpen.has(owner.id)).map((owner) => store.unregister(owner.id)));
    return { runs: closed.filter(Boolean).length, leases, directories: 0, unconfirmed };
  }

  async function endIdentities(): Promise<void> {
    const orphaned = parts.identity.active().filter((runId) => !isHeldByLivingRun(runId));
    await Promise.all(orphaned.map((runId) => parts.identity.end(runId).catch(() => undefined)));
  }

  async function closeRun(row: RunRow): Promise<boolean> {
    const { record } = row;
    if (record.state === "accepted" && parts.adopt(row) !== "closed") return false;
    closing.add(record.id);
    try {
      const lease = store.lease(record.id);
      const isOpen = lease !== undefined && lease.state !== "revoked";
      const leaseEnds = isOpen && isDue(lease) ? endLease(lease) : Promise.resolve(lease);
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

  function isDue(lease: Lease): boolean {
    return (lease.nextAttemptAt ?? 0) <= clock.nowMs();
  }

  function endLease(lease: Lease): Promise<Lease> {
    const before = ending.get(lease.runId);
    if (before !== undefined) return before;
    const ended = broker
      .retry(lease)
      .catch(() => lease)
      .finally(() => ending.delete(lease.runId));
    ending.set(lease.runId, ended);
    return ended;
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
  async function retryDue(): Promise<[tried: number, unconfirmed: number]> {
    const open = store.openLeases().filter((lease) => !isHeldByLivingRun(lease.runId));
    const due = open.filter((lease) => isDue(lease) && !ending.has(lease.runId));
    const tried = await Promise.all(due.map(endLease));
    await Promise.all(tried.filter((lease) => lease.state === "revoked").map(confirmInRecord));
    return [due.length, store.openLeases().filter((lease) => lease.state === "unconfirmed").length];
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
    const counts = await Promise.all(
      parts.issuerNames.map((name) =>
        sweepIssuer(name).catch((error: unknown) => {
          parts.onAlert(`issuer ${name} could not be asked for forgotten leases: ${messageOf(error)}`);
          return 0;
        }),
      ),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async function sweepIssuer(name: string): Promise<number> {
    const issuer = await parts.issuer(name);
    const there = await withTimeout(clock, (signal) => issuer.sweep(signal));
    const strays = there.filter(({ runId }) => !isHeldByLivingRun(runId));
    for (const { runId } of strays) {
      const lease = store.lease(runId) ?? strayLease(name, runId);
      await endLease({ ...lease, state: lease.state === "revoked" ? "revoking" : lease.state });
    }
    return strays.length;
  }

  function isHeldByLivingRun(runId: RunId): boolean {
    const row = store.run(runId);
    return row !== undefined && row.record.endedAt === null && isInHands(row);
  }

  /** A living process has it, and it is that process's to end. */
  function isInHands({ owner: ownerId, record }: RunRow): boolean {
    if (ownerId === parts.owner) return parts.holds(record.id);
    return store.owners().some((owner) => owner.id === ownerId && isAlive(owner));
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
    const names = (await trees.leftBehind()).filter((name) => isRunId(name) && !isHeldByLivingRun(name));
    const swept = await Promise.all(names.map((name) => trees.sweep(name).catch(() => false)));
    return swept.filter(Boolean).length;
  }

  return { recover, tick };
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
