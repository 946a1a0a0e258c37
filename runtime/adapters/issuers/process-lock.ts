// One at a time among all processes of an installation, in the order in which they come to it. The lock is SQLite's on an
// empty database: the kernel takes it back when its holder dies, however it dies, so there is no stale one to judge; Node
// itself has no such lock.
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";

/** What is done under a lock takes milliseconds; the waiting must stay far below an issuer's time for one answer. */
export const lockWaitMsMax = 5_000;
const pauseMs = 5;
const busy = 5; // SQLITE_BUSY

/** @throws Error when others hold it for `lockWaitMsMax`. */
export async function withProcessLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    await acquire(lock);
    return await work();
  } finally {
    lock.close(); // the transaction ends with it
  }
}

async function acquire(lock: DatabaseSync): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += pauseMs) {
    try {
      return lock.exec("BEGIN EXCLUSIVE");
    } catch (error) {
      if ((error as { errcode?: number }).errcode !== busy) throw error;
      if (waitedMs >= lockWaitMsMax) throw new Error(`another process has held the lock for ${lockWaitMsMax} ms`);
    }
    await pause(pauseMs);
  }
}
