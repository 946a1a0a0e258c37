// Group commit: writes that arrive within one turn of the event loop share one transaction, and what is committed while the
// journal is being synced shares the next sync (sqlite-journal.ts). A write is answered once it is durable; one that is only
// noted, once it is committed: it is durable with the next. Each piece runs in a savepoint of its own, so that one that fails takes only its own changes back; and each looks at the fence
// first, inside the transaction, unless it only takes power away.
import type { DatabaseSync } from "node:sqlite";
import { storeError } from "./sqlite-error.ts";
import type { Fence } from "./sqlite-fence.ts";
import type { Journal } from "./sqlite-journal.ts";

type Durability = "synced" | "noted";

export interface WriteOptions {
  /** `synced` by default. */
  durability?: Durability;
  /** It only takes power away: a process that was fenced off may still do it. */
  evenFenced?: boolean;
}

export interface Writer {
  write<T>(apply: () => T, options?: WriteOptions): Promise<T>;
  idle(): Promise<void>;
}

interface Pending extends Required<WriteOptions> {
  apply: () => unknown;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/** Of one piece that was applied, or refused. */
interface Outcome {
  /** For the journal's sync. */
  waits: boolean;
  settle(): void;
  reject(error: unknown): void;
}

export function makeWriter(
  db: DatabaseSync,
  path: string,
  { fence, journal }: { fence: Fence; journal: Journal },
): Writer {
  const [begin, commit] = [db.prepare("BEGIN IMMEDIATE"), db.prepare("COMMIT")];
  let queue: Pending[] = [];
  let scheduled: Promise<void> = Promise.resolve();
  let syncing: Promise<void> = Promise.resolve();

  function flush(): void {
    const batch = queue;
    queue = [];
    const outcomes: Outcome[] = [];
    try {
      begin.run();
      for (const pending of batch) outcomes.push(applyOne(pending));
      commit.run();
    } catch (cause) {
      if (db.isOpen && db.isTransaction) db.exec("ROLLBACK"); // written to after its end: a late caller's to hear
      const error = storeError(cause, path);
      for (const pending of batch) pending.reject(error);
      return;
    }
    journal.committed();
    const waiting = outcomes.filter(({ waits }) => waits && journal.onDisk);
    for (const outcome of outcomes) if (!waiting.includes(outcome)) outcome.settle();
    if (waiting.length > 0) syncing = settleSynced(waiting);
  }

  /** After those that wait already: their sync is not later. */
  async function settleSynced(waiting: readonly Outcome[]): Promise<void> {
    try {
      await journal.synced();
    } catch (error) {
      for (const { reject } of waiting) reject(error);
      return;
    }
    for (const { settle } of waiting) settle();
  }

  function applyOne({ apply, durability, evenFenced, resolve, reject }: Pending): Outcome {
    db.exec("SAVEPOINT piece");
    try {
      if (!evenFenced) fence.check();
      const value = apply();
      db.exec("RELEASE piece");
      return { waits: durability === "synced", settle: () => resolve(value as never), reject };
    } catch (cause) {
      if (!db.isOpen || !db.isTransaction) throw cause; // a full disk rolls the whole transaction back
      db.exec("ROLLBACK TO piece; RELEASE piece");
      const error = storeError(cause, path);
      return { waits: false, settle: () => reject(error), reject };
    }
  }

  return {
    write<T>(apply: () => T, { durability = "synced", evenFenced = false }: WriteOptions = {}): Promise<T> {
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      queue.push({ apply, durability, evenFenced, resolve: resolve as (value: never) => void, reject });
      // All that this turn of the event loop has to say goes into one transaction: a tick that is asked for in a
      // microtask comes after the last of them. So a revocation is on disk with its record, and not one sync later.
      if (queue.length === 1) scheduled = Promise.resolve().then(() => afterMicrotasks(flush));
      return promise;
    },
    async idle() {
      await scheduled;
      await syncing;
    },
  };
}

function afterMicrotasks(call: () => void): Promise<void> {
  return new Promise((resolve) =>
    process.nextTick(() => {
      call();
      resolve();
    }),
  );
}
