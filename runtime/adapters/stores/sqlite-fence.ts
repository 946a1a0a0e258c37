// The fence of a process: whether it still is the owner that it registered as, and whether the ledger that it writes is
// still the one that others find. A process that was believed dead, or whose ledger was moved away under it, must begin
// nothing more: another one has ended, or will never hear of, what it does.
import { type BigIntStats, fstatSync, readdirSync, statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { MayflyError } from "../../model/error.ts";

export interface Fence {
  /** In a transaction that registers `ownerId`: the number of this process from now on. */
  take(ownerId: string): number;
  /** This process gives its own row back. */
  leave(ownerId: string): void;
  /** @throws MayflyError `fenced`. */
  check(): void;
  readonly whenFenced: Promise<MayflyError>;
}

/** @throws MayflyError `fenced` when the file at `path` is not the one that `db` has open. */
export function makeFence(db: DatabaseSync, path: string): Fence {
  const next = db.prepare(
    `INSERT INTO meta (key, value) VALUES ('fence', '1')
     ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT) RETURNING value`,
  );
  const numberOf = db.prepare("SELECT fence FROM owners WHERE id = ?");
  const { promise: whenFenced, resolve } = Promise.withResolvers<MayflyError>();
  const files = path === ":memory:" ? [] : [makeWatch(path), makeWatch(`${path}-wal`)];
  let mine: { id: string; number: number } | undefined;

  function refuse(found: string, next: string): MayflyError {
    const message = "this process may begin nothing more: it is not the owner of its runs and leases any longer";
    const error = new MayflyError({ code: "fenced", message, found, needed: "its own row in its own ledger", next });
    resolve(error);
    return error;
  }

  function check(): void {
    const moved = files.find((isTheSame) => !isTheSame());
    if (moved !== undefined) {
      const found = `${path} was moved, deleted or replaced while it was open`;
      throw refuse(found, "put the ledger back where it was, then start again; its leases are tried again then");
    }
    if (mine === undefined) return;
    const row = numberOf.get(mine.id) as { fence: number } | undefined;
    if (row?.fence === mine.number) return;
    throw refuse(
      `${mine.id}: ${row === undefined ? "its row is gone" : "its number was taken away"}`,
      "another process believed it dead and ended what it had; see that both see the same processes, then start again",
    );
  }

  if (files[0] !== undefined && !isOpenHere(path))
    throw refuse(`${path} was replaced while it was opened`, "try again");
  return {
    take(id) {
      const { value } = next.get() as { value: string };
      mine = { id, number: Number(value) };
      return mine.number;
    },
    leave(id) {
      if (mine?.id === id) mine = undefined;
    },
    check,
    whenFenced,
  };
}

/** Whether the file at `path` is the one that was there at the first look. SQLite makes the write-ahead log when it needs it. */
function makeWatch(path: string): () => boolean {
  let first: BigIntStats | undefined;
  return () => {
    const now = statSync(path, { bigint: true, throwIfNoEntry: false });
    first ??= now;
    return first === undefined || (now !== undefined && isSame(first, now));
  };
}

// SQLite doesn't tell its descriptor; among ours there is one that leads to that very file. None is opened and closed for
// it, since closing one would drop the locks that SQLite holds on the file (fcntl(2), advisory record locking).
function isOpenHere(path: string): boolean {
  const file = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (file === undefined) return false;
  return readdirSync("/proc/self/fd").some((name) => {
    try {
      return isSame(fstatSync(Number(name), { bigint: true }), file);
    } catch {
      return false; // the one that listed the directory
    }
  });
}

function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}
