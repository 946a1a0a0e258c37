// The ledger: runs, leases, slots and the audit chain. A commit is atomic, and durable when it resolves.
// Several processes of one installation share it; each registers itself as an owner, so that recovery can tell what a
// dead process left from what a living one is doing.
import type { AuditEntry, AuditEvent, AuditHead } from "../model/audit-event.ts";
import type { RunId } from "../model/ids.ts";
import type { Lease } from "../model/lease.ts";
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

export type Change = { put: "run"; row: RunRow } | { put: "lease"; lease: Lease } | { audit: AuditEvent };

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
  /** Registers this process. With role `start`, false when a living process has that role. */
  register(owner: Owner, isAlive: (other: Owner) => boolean): Promise<boolean>;
  unregister(ownerId: string): Promise<void>;
  owners(): Owner[];
  /** Entries from `seq` on, in order. */
  auditEntries(fromSeq: number, countMax: number): AuditEntry[];
  auditHead(): AuditHead | undefined;
  close(): Promise<void>;
}
