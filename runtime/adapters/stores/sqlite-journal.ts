// The syncing of the ledger's journal, off the main thread: SQLite commits without waiting for the disk (synchronous=NORMAL),
// and what has to be durable waits here for the journal's own sync. So a disk that is slow, since jobs write a lot, delays
// who waits for a record and holds up nobody else. One sync covers all that was committed before it began.
//
// SQLite's locks are on other files (ledger.db and ledger.db-shm): a descriptor of the journal may be opened and closed.
import { closeSync, fdatasync, openSync } from "node:fs";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { ownModule } from "../system/own-modules.ts";
import { storeError } from "./sqlite-error.ts";

/** Transactions after which the journal is copied into the ledger: some 40 MB of it. */
const transactionsPerCheckpoint = 2_000;

export interface Journal {
  /** False where there is no disk to wait for: what is committed is all that it will be. */
  readonly onDisk: boolean;
  /** Resolves when everything that was committed before the call is durable. Rejects with MayflyError, and from then on always. */
  synced(): Promise<void>;
  /** After each transaction of this process. */
  committed(): void;
  /** From now on this process copies the journal into the ledger, in a thread, and no commit of it does. */
  takeCheckpoints(): void;
  close(): Promise<void>;
}

/** @param path of the ledger, which was opened: its journal is there. @throws Error of the file system */
export function openJournal(path: string): Journal {
  if (path === ":memory:") return inMemory;
  const descriptor = openSync(`${path}-wal`, "r");
  const sync = promisify(fdatasync);
  let current: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  // A failed sync has forgotten what it was to write (the kernel calls those pages clean): a later one proves nothing.
  let failure: unknown;
  let transactions = 0;
  let checkpointer: Promise<void> | undefined;
  let mayCheckpoint = false;

  async function begin(): Promise<void> {
    next = undefined;
    if (failure !== undefined) throw failure;
    const running = sync(descriptor);
    current = running;
    try {
      await running;
    } catch (cause) {
      failure = storeError(cause, path);
      throw failure;
    } finally {
      if (current === running) current = undefined;
    }
  }

  /** A thread for each: it takes some 10 MB, and is needed for a moment every thousand runs or so. */
  function checkpoint(): void {
    if (checkpointer !== undefined) return;
    transactions = 0;
    const worker = new Worker(ownModule("adapters/stores/sqlite-checkpoint"), {
      workerData: { path },
      execArgv: [],
    });
    worker.unref();
    worker.once("error", () => {}); // the journal grows until the next one, and no more than that
    checkpointer = new Promise((resolve) => {
      worker.once("exit", () => {
        checkpointer = undefined;
        resolve();
      });
    });
  }

  return {
    onDisk: true,
    synced() {
      if (current === undefined) return begin();
      next ??= current.then(begin, begin); // the one under way may have begun before the last commit
      return next;
    },
    committed() {
      transactions += 1;
      if (mayCheckpoint && transactions >= transactionsPerCheckpoint) checkpoint();
    },
    takeCheckpoints() {
      mayCheckpoint = true;
    },
    async close() {
      await (next ?? current)?.catch(() => undefined);
      mayCheckpoint = false;
      await checkpointer;
      closeSync(descriptor);
    },
  };
}

const inMemory: Journal = {
  onDisk: false,
  synced: async () => {},
  committed: () => {},
  takeCheckpoints: () => {},
  close: async () => {},
};
