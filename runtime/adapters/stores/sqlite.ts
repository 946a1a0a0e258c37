// The ledger on node:sqlite: one file in the state directory, WAL, every commit durable before it is answered, save what is
// only noted: that is in the file, and synced with the next commit. Writes that arrive within one turn of the event loop
// share one transaction (sqlite-writer.ts); the disk is waited for off the main thread (sqlite-journal.ts). Several processes may share the file:
// each transaction is immediate, and the audit chain's last entry and the writer's fence (sqlite-fence.ts) are read inside it.
//
// The audit tables refuse UPDATE and DELETE by trigger; what such a trigger can't hold, the keyed chain shows.
import { chmodSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { AuditEntry, AuditEvent, AuditHead } from "../../model/audit-event.ts";
import { MayflyError } from "../../model/error.ts";
import { hex } from "../../model/ids.ts";
import type { Lease, LeaseState } from "../../model/lease.ts";
import { finalRunStates, type RunRecord } from "../../model/run.ts";
import { isoTime } from "../../model/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import { type Accepted, type Change, type Owner, onlyTakesAway, type RunRow, type Store } from "../../ports/store.ts";
import type { TokenRegistry } from "../../ports/token-registry.ts";
import { storeError } from "./sqlite-error.ts";
import { makeFence } from "./sqlite-fence.ts";
import { openJournal } from "./sqlite-journal.ts";
import { schemaVersion, steps } from "./sqlite-schema.ts";
import { makeTokenRegistry } from "./sqlite-tokens.ts";
import { makeWriter } from "./sqlite-writer.ts";

/** How long a transaction waits for another process's, ms. */
const busyMs = 5_000;

export interface SqliteStoreOptions {
  /** Path of the file, or `:memory:`. */
  path: string;
  clock: Clock;
  random: Random;
  /** Digests of an entry, chained to the one before it, and of the head: core/audit/chain.ts with the installation's key. */
  seals: {
    entry(previousMac: string, seq: number, at: string, event: AuditEvent): string;
    head(seq: number, mac: string): string;
  };
}

export type SqliteStore = Store & { tokens: TokenRegistry };

/** @throws MayflyError `store_corrupt` for a file that is no ledger of this version, `store_unavailable` for one that can't be opened. */
export function openSqliteStore(options: SqliteStoreOptions): SqliteStore {
  const db = open(options.path);
  try {
    prepare(db, options.random);
    return makeStore(db, options);
  } catch (cause) {
    db.close();
    throw storeError(cause, options.path);
  }
}

function open(path: string): DatabaseSync {
  try {
    const db = new DatabaseSync(path, { timeout: busyMs });
    if (path !== ":memory:") chmodSync(path, 0o600);
    return db;
  } catch (cause) {
    throw storeError(cause, path);
  }
}

function prepare(db: DatabaseSync, random: Random): void {
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON");
  const userVersion = db.prepare("PRAGMA user_version");
  const version = () => (userVersion.get() as { user_version: number }).user_version;
  if (version() > schemaVersion) {
    throw new MayflyError({
      code: "store_corrupt",
      message: "the ledger was written by a newer version",
      found: `schema ${version()}`,
      needed: `schema ${schemaVersion} or older`,
      next: "use the newer Mayfly again, so that its leases are ended",
    });
  }
  if (version() === schemaVersion) return;
  db.exec("BEGIN IMMEDIATE");
  for (const step of steps.slice(version())) db.exec(step); // asked anew: another process may have been first
  db.prepare("INSERT OR IGNORE INTO meta (key, value) VALUES ('installation', ?)").run(hex(random.bytes(4)));
  db.exec(`PRAGMA user_version = ${schemaVersion}; COMMIT`);
}

function makeStore(db: DatabaseSync, { clock, seals, path }: SqliteStoreOptions): SqliteStore {
  const sql = (text: string): StatementSync => db.prepare(text);
  const statements = {
    putRun: sql(
      `INSERT INTO runs (id, job, state, accepted_at, unique_key, owner, input, pid, start_ticks, torn_down, record)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET state = excluded.state, owner = excluded.owner, input = excluded.input, pid = excluded.pid,
         start_ticks = excluded.start_ticks, torn_down = excluded.torn_down, record = excluded.record`,
    ),
    runByKey: sql("SELECT * FROM runs WHERE job = ? AND unique_key = ?"),
    run: sql("SELECT * FROM runs WHERE id = ?"),
    runs: sql("SELECT * FROM runs ORDER BY accepted_at DESC, rowid DESC LIMIT ?"),
    unfinished: sql("SELECT * FROM runs WHERE torn_down = 0 ORDER BY accepted_at, rowid"),
    putLease: sql(
      "INSERT INTO leases (run_id, state, intended_at, lease) VALUES (?, ?, ?, ?) ON CONFLICT (run_id) DO UPDATE SET state = excluded.state, lease = excluded.lease",
    ),
    lease: sql("SELECT lease FROM leases WHERE run_id = ?"),
    leases: sql("SELECT lease FROM leases ORDER BY intended_at DESC LIMIT ?"),
    openLeases: sql("SELECT lease FROM leases WHERE state <> 'revoked' ORDER BY intended_at"),
    putAudit: sql("INSERT INTO audit (seq, at, event, mac) VALUES (?, ?, ?, ?)"),
    setHead: sql(
      "INSERT INTO audit_head (one, seq, mac, seal) VALUES (1, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, mac = excluded.mac, seal = excluded.seal",
    ),
    head: sql("SELECT seq, mac, seal FROM audit_head"),
    audit: sql("SELECT seq, at, event, mac FROM audit WHERE seq >= ? ORDER BY seq LIMIT ?"),
    owners: sql("SELECT owner, fence FROM owners"),
    putOwner: sql("INSERT INTO owners (id, owner, fence) VALUES (?, ?, ?)"),
    fenceOff: sql("UPDATE owners SET fence = 0 WHERE id = ?"),
    dropOwner: sql("DELETE FROM owners WHERE id = ?"),
    meta: sql("SELECT value FROM meta WHERE key = ?"),
  };
  const fence = makeFence(db, path);
  const journal = openJournal(path);
  const writer = makeWriter(db, path, { fence, journal });
  const read = <T>(query: () => T): T => {
    try {
      return query();
    } catch (cause) {
      throw storeError(cause, path);
    }
  };

  const putRun = (row: RunRow, key: string | null) => {
    const { id, job, state, acceptedAt } = row.record;
    const record = JSON.stringify(row.record);
    statements.putRun.run(
      id,
      job,
      state,
      acceptedAt,
      key,
      row.owner,
      row.input,
      row.pid,
      row.startTicks,
      row.tornDown ? 1 : 0,
      record,
    );
  };
  const appendAudit = (event: AuditEvent) => {
    const head = statements.head.get() as AuditHead | undefined;
    const seq = (head?.seq ?? 0) + 1;
    const at = isoTime(clock.nowMs());
    const mac = seals.entry(head?.mac ?? "", seq, at, event);
    statements.putAudit.run(seq, at, JSON.stringify(event), mac);
    statements.setHead.run(seq, mac, seals.head(seq, mac));
  };
  const applyChange = (change: Change) => {
    if ("audit" in change) appendAudit(change.audit);
    else if (change.put === "lease") putLease(change.lease, change.from);
    else putRunGuarded(change.row);
  };
  const putLease = (lease: Lease, from: readonly LeaseState[] | undefined) => {
    const before = from === undefined ? undefined : toLease(statements.lease.get(lease.runId));
    if (before !== undefined && from?.includes(before.state) === false) throw leaseMoved(lease, before);
    statements.putLease.run(lease.runId, lease.state, lease.intendedAt, JSON.stringify(lease));
  };
  // A final state is final: what comes late may add to the record, and not change how the run ended.
  const putRunGuarded = (row: RunRow) => {
    const before = toRunRow(statements.run.get(row.record.id));
    const ended = before !== undefined && finalRunStates.includes(before.record.state);
    if (ended && before.record.state !== row.record.state) return;
    putRun(row, null);
  };

  return {
    installation: (statements.meta.get("installation") as { value: string }).value,
    commit: (changes) => writer.write(() => changes.forEach(applyChange), { evenFenced: onlyTakesAway(changes) }),
    note: (event) => writer.write(() => appendAudit(event), { durability: "noted" }),
    accept: (row, uniqueKey, changes) =>
      writer.write((): Accepted => {
        const before = uniqueKey === null ? undefined : toRunRow(statements.runByKey.get(row.record.job, uniqueKey));
        if (before !== undefined) return { outcome: "duplicate", row: before };
        // A refused submission may be tried again with its key; a slot that was refused has passed.
        const { state, trigger } = row.record;
        putRun(row, state === "refused" && trigger.kind === "submit" ? null : uniqueKey);
        changes.forEach(applyChange);
        return { outcome: "accepted" };
      }),
    run: (id) => read(() => toRunRow(statements.run.get(id))),
    runs: (countMax) => read(() => toRunRows(statements.runs.all(countMax))),
    unfinishedRuns: () => read(() => toRunRows(statements.unfinished.all())),
    lease: (runId) => read(() => toLease(statements.lease.get(runId))),
    leases: (countMax) => read(() => statements.leases.all(countMax).map((row) => toLease(row) as Lease)),
    openLeases: () => read(() => statements.openLeases.all().map((row) => toLease(row) as Lease)),
    register: async (owner, isAlive) => {
      const isFirst = await writer.write(() => {
        const others = readOwners(statements.owners);
        if (owner.role === "start" && others.some((other) => other.role === "start" && isAlive(other))) return false;
        statements.putOwner.run(owner.id, JSON.stringify(owner), fence.take(owner.id));
        return true;
      });
      // A command of one run does it as it closes; to wait for a slow disk would hold up all the runs of a longer one.
      if (isFirst && owner.role !== "run" && journal.onDisk) {
        db.exec("PRAGMA wal_autocheckpoint = 0");
        journal.takeCheckpoints();
      }
      return isFirst;
    },
    unregister: (ownerId) =>
      writer.write(
        () => {
          fence.leave(ownerId);
          statements.dropOwner.run(ownerId);
        },
        { evenFenced: true },
      ),
    fenceOff: (ownerId) => writer.write(() => void statements.fenceOff.run(ownerId)),
    fence: () => read(fence.check),
    whenFenced: fence.whenFenced,
    owners: () => read(() => readOwners(statements.owners)),
    auditEntries: (fromSeq, countMax) => read(() => statements.audit.all(fromSeq, countMax).map(toAuditEntry)),
    auditHead: () => read(() => statements.head.get() as AuditHead | undefined),
    async close() {
      await writer.idle();
      if (!db.isOpen) return;
      await journal.close();
      db.close();
    },
    tokens: makeTokenRegistry(db, writer, clock),
  };
}

interface RunColumns {
  record: string;
  owner: string;
  input: string | null;
  pid: number | null;
  start_ticks: number | null;
  torn_down: number;
}

function toRunRow(row: unknown): RunRow | undefined {
  if (row === undefined) return undefined;
  const { record, owner, input, pid, start_ticks, torn_down } = row as RunColumns;
  return {
    record: JSON.parse(record) as RunRecord,
    owner,
    input,
    pid,
    startTicks: start_ticks,
    tornDown: torn_down === 1,
  };
}

function toRunRows(rows: unknown[]): RunRow[] {
  return rows.map((row) => toRunRow(row) as RunRow);
}

function toLease(row: unknown): Lease | undefined {
  return row === undefined ? undefined : (JSON.parse((row as { lease: string }).lease) as Lease);
}

function toAuditEntry(row: unknown): AuditEntry {
  const { seq, at, event, mac } = row as { seq: number; at: string; event: string; mac: string };
  return { seq, at, event: toAuditEvent(event), mac };
}

// What is no JSON was altered: the chain is to say so, and say where.
function toAuditEvent(text: string): AuditEvent {
  try {
    return JSON.parse(text) as AuditEvent;
  } catch {
    return { type: "alert", detail: "this entry can't be read" };
  }
}

function readOwners(statement: StatementSync): Owner[] {
  return (statement.all() as { owner: string; fence: number }[]).map(({ owner, fence }) => ({
    ...(JSON.parse(owner) as Owner),
    fence,
  }));
}

function leaseMoved({ id, state }: Lease, before: Lease): MayflyError {
  return new MayflyError({
    code: "lease_moved",
    message: `lease ${id} can't become ${state}: another process has brought it further`,
    found: before.state,
  });
}
