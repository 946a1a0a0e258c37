// A lock among processes, and among callers of one process: whoever holds it is alone until `act` is over. It is a lock of
// the kernel's on an empty SQLite database, so it falls with the process that held it, and holds across containers that
// share the directory. Nothing is ever written to the file.
import { chmodSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { MayflyError } from "../../model/error.ts";

export interface ProcessLock {
  /** Not to be called again from within `act`. Rejects with MayflyError `key_unavailable` when others hold it too long. */
  hold<T>(act: () => Promise<T>): Promise<T>;
}

/** Longer than a key service may take for all data keys of an installation, ms. */
const waitMsMax = 30_000;
const pauseMs = 10;
const busy = 5; // SQLITE_BUSY

/** Referred to for as long as they are held: one that is collected as garbage lets go of its lock. */
const holders = new Set<DatabaseSync>();

export function makeProcessLock(path: string): ProcessLock {
  let last: Promise<unknown> = Promise.resolve();
  return {
    hold(act) {
      const held = last.then(() => alone(path, act));
      last = held.catch(() => undefined);
      return held;
    },
  };
}

async function alone<T>(path: string, act: () => Promise<T>): Promise<T> {
  const db = new DatabaseSync(path, { timeout: 0 });
  holders.add(db);
  try {
    chmodSync(path, 0o600);
    for (let waitedMs = 0; !takes(db); waitedMs += pauseMs) {
      if (waitedMs >= waitMsMax) throw heldByOthers(path);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    return await act();
  } finally {
    holders.delete(db);
    db.close();
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

function heldByOthers(path: string): MayflyError {
  return new MayflyError({
    code: "key_unavailable",
    message: "the installation's keys are being changed by another process, and it doesn't come to an end",
    found: `${path} held for more than ${waitMsMax / 1_000} s`,
    needed: "one change of keys at a time",
    next: "look for a `mayfly keys` or `mayfly start` that hangs, and end it: the lock falls with it",
  });
}
