// The ledger: runs, leases, slots and the audit chain. A commit is atomic, and durable when it resolves.
// Several processes of one installation share it; each registers itself as an owner, so that recovery can tell what a
// dead process left from what a living one is doing. Who is believed dead is fenced off first: should it live after all,
// it can still end what it has, and begin nothing.
import type { AuditEntry, AuditEvent, AuditHead } from "../model/audit-event.ts";
import type { MayflyError } from "../model/error.ts";
import type { RunId } from "../model/ids.ts";
import type { Lease, LeaseState } from "../model/lease.ts";
import type { RunRecord } from "../model/run.ts";
import type { EpochMs } from "../model/units.ts";

/** A process of this installation. */
export interface Owner {
  id: string;
  role: "start" | "run" | "test";
  pid: number;
  /** With pid and boot id it names the process for ever. */
  startTicks: number;
  bootId: string;
  since: EpochMs;
  /** Given at its registration, higher than any before; 0 once it was fenced off. Absent before its registration. */
  fence?: number;
}

/** What recovery must know of a run beside its record. */
export interface RunRow {
  record: RunRecord;
  owner: string;
  /** The run's input as JSON text; kept until the run has ended, so that an accepted run can still be launched after a crash. */
  input: string | null;
  /** The executor's, once launched. */
  pid: number | null;
  startTicks: number | null;
  /** Set once everything of the run is confirmed gone. */
  tornDown: boolean;
}

export type Change =
  | { put: "run"; row: RunRow }
  /** With `from`, the whole commit fails as `lease_moved` unless the lease is there in one of these states, or not at all. */
  | { put: "lease"; lease: Lease; from?: readonly LeaseState[] }
  | { audit: AuditEvent };

/**
 * Changes that only take power away: the end of a lease, and what is said of it. A process that was fenced off may still
 * make these, and no others.
 */
export function onlyTakesAway(changes: readonly Change[]): boolean {
  return changes.every((change) => {
    if ("audit" in change) return endingEvents.includes(change.audit.type);
    return change.put === "lease" && change.lease.state !== "intended" && change.lease.state !== "issued";
  });
}

const endingEvents: readonly AuditEvent["type"][] = ["lease.revoking", "lease.revoked", "lease.unconfirmed", "alert"];

export type Accepted = { outcome: "accepted" } | { outcome: "duplicate"; row: RunRow };

export interface Store {
  /** 8 hex digits, made once for a state directory: part of names at issuers. */
  readonly installation: string;
  commit(changes: readonly Change[]): Promise<void>;
  /**
   * Puts a decision on a guest's call into the audit chain. When it resolves, the entry outlives this process; a power cut
   * it outlives once the next commit has resolved, whoever's. So a guest can't make the disk sync, which others wait for.
   */
  note(event: AuditEvent): Promise<void>;
  /**
   * Makes the run durable, unless its job has one with the same key or slot already. `changes` go with it.
   * @param uniqueKey idempotency key or slot; null for none.
   */
  accept(row: RunRow, uniqueKey: string | null, changes: readonly Change[]): Promise<Accepted>;
  run(id: RunId): RunRow | undefined;
  /** Newest first. */
  runs(countMax: number): RunRow[];
  /** Runs that are not final or not torn down. */
  unfinishedRuns(): RunRow[];
  lease(runId: RunId): Lease | undefined;
  /** Newest first. */
  leases(countMax: number): Lease[];
  /** Leases in any state but `revoked`. */
  openLeases(): Lease[];
  /**
   * Registers this process, with a fencing number. With role `start`, false when a living process has that role. From then
   * on each commit makes sure, in its own transaction, that this process still is an owner.
   */
  register(owner: Owner, isAlive: (other: Owner) => boolean): Promise<boolean>;
  unregister(ownerId: string): Promise<void>;
  /** Takes that process's number away: should it live after all, it can commit nothing more. Its row stays. */
  fenceOff(ownerId: string): Promise<void>;
  /**
   * Asked before each effect outside.
   * @throws MayflyError `fenced` when this process is no owner any more, or the ledger is another file than the one it opened.
   */
  fence(): void;
  /** Resolves when that was found out, whoever asked. */
  readonly whenFenced: Promise<MayflyError>;
  owners(): Owner[];
  /** Entries from `seq` on, in order. */
  auditEntries(fromSeq: number, countMax: number): AuditEntry[];
  auditHead(): AuditHead | undefined;
  close(): Promise<void>;
}
