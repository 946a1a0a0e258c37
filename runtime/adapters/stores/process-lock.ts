// A lock among processes: whoever holds it is alone until `act` is over. It is a lock of the kernel's on an empty SQLite
// database, so it falls with the process that held it, however that dies, and holds across containers that share the
// directory; Node itself has no such lock. Nothing is ever written to the file.
import { chmodSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { MayflyError } from "../../model/error.ts";

/** What is done under an issuer's lock takes milliseconds; the waiting must stay far below an issuer's time for one answer. */
export const lockWaitMsMax = 5_000;
const pauseMs = 5;
const busy = 5; // SQLITE_BUSY

/** Referred to for as long as they are held: one that is collected as garbage lets go of its lock. */
const holders = new Set<DatabaseSync>();

/** Rejects with Error when others hold it for longer than `waitMsMax`. */
export async function withProcessLock<T>(path: string, act: () => Promise<T>, waitMsMax = lockWaitMsMax): Promise<T> {
  const db = new DatabaseSync(path, { timeout: 0 });
  holders.add(db);
  try {
    chmodSync(path, 0o600);
    for (let waitedMs = 0; !takes(db); waitedMs += pauseMs) {
      if (waitedMs >= waitMsMax) throw new HeldByOthers(path, waitMsMax);
      await pause(pauseMs);
    }
    return await act();
  } finally {
    holders.delete(db);
    db.close(); // the transaction ends with it
  }
}

class HeldByOthers extends Error {
  constructor(path: string, waitMsMax: number) {
    super(`another process has held ${path} for ${waitMsMax} ms`);
  }
}

function takes(db: DatabaseSync): boolean {
  try {
    db.exec("BEGIN EXCLUSIVE");
    return true;
  } catch (error) {
    if ((error as { errcode?: number }).errcode === busy) return false;
    throw error;
  }
}

/** The lock of an installation's keys, among callers of this process too. */
export interface ProcessLock {
  /** Not to be called again from within `act`. Rejects with MayflyError `key_unavailable` when others hold it too long. */
  hold<T>(act: () => Promise<T>): Promise<T>;
}

/** Longer than a key service may take for all data keys of an installation, ms. */
const keysWaitMsMax = 30_000;

export function makeProcessLock(path: string): ProcessLock {
  let last: Promise<unknown> = Promise.resolve();
  return {
    hold(act) {
      const held = last
        .then(() => withProcessLock(path, act, keysWaitMsMax))
        .catch((error: unknown) => {
          throw error instanceof HeldByOthers ? keysHeldByOthers(error) : error;
        });
      last = held.catch(() => undefined);
      return held;
    },
  };
}

function keysHeldByOthers({ message }: HeldByOthers): MayflyError {
  return new MayflyError({
    code: "key_unavailable",
    message: "the installation's keys are being changed by another process, and it doesn't come to an end",
    found: message,
    needed: "one change of keys at a time",
    next: "look for a `mayfly keys` or `mayfly start` that hangs, and end it: the lock falls with it",
  });
}
