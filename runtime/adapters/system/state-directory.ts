// The one directory in which an installation keeps its state: 0700, ours, no link. Which ledger it belongs to is noted in
// it, once.
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { MayflyError } from "../../model/error.ts";

export interface StateDirectory {
  readonly path: string;
  /** Path of the ledger. */
  readonly ledger: string;
  /** Path of the submission socket. */
  readonly socket: string;
  /** A subdirectory, made if need be. */
  directory(name: string): string;
  keysFile(name: string): string;
  /**
   * Notes the ledger's installation at the first call, and compares it at later ones.
   * @throws MayflyError `store_corrupt` for another ledger than the one that this directory had.
   */
  requireInstallation(installation: string): void;
}

/** @throws MayflyError `state_directory` when it is a link, somebody else's, or can't be made. */
export function openStateDirectory(path: string): StateDirectory {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw refuse(path, `it can't be made: ${(cause as NodeJS.ErrnoException).code}`, cause);
  }
  const stat = lstatSync(path);
  if (!stat.isDirectory()) throw refuse(path, "it is no directory (a symbolic link is not followed)");
  if (stat.uid !== process.getuid?.()) throw refuse(path, `it belongs to uid ${stat.uid}`);
  if ((stat.mode & 0o077) !== 0) chmodSync(path, 0o700);
  const directory = (name: string) => {
    const sub = join(path, name);
    mkdirSync(sub, { recursive: true, mode: 0o700 });
    return sub;
  };
  return {
    path,
    ledger: join(path, "ledger.db"),
    socket: join(path, "mayfly.sock"),
    directory,
    keysFile: (name) => join(directory("keys"), name),
    requireInstallation: (installation) => {
      const path = join(directory("keys"), "installation");
      const noted = Buffer.from(readOrMakeKey(path, () => Buffer.from(installation))).toString("latin1");
      if (noted !== installation) throw anotherLedger(installation, noted);
    },
  };
}

function refuse(path: string, found: string, cause?: unknown): MayflyError {
  return new MayflyError({
    code: "state_directory",
    message: "the state directory can't be used",
    found: `${path}: ${found}`,
    needed: "a directory of this user, mode 0700",
    next: 'name another one with `state: "…"` in sandbox.config.ts, or correct its owner',
    cause,
  });
}

// A ledger that is missing would be made anew, empty, and know nothing of leases that may live.
function anotherLedger(found: string, needed: string): MayflyError {
  return new MayflyError({
    code: "store_corrupt",
    message: "the ledger is not the one that this state directory had: it was removed, emptied or replaced",
    found: `installation ${found}`,
    needed: `installation ${needed}`,
    next: "restore ledger.db from a backup; or, once all leases that it may have had are dead, begin with a new state directory",
  });
}

// Complete before it has its name, and the first one wins, however many processes start at once.
function readOrMakeKey(path: string, make: () => Uint8Array): Uint8Array {
  const before = readKey(path);
  if (before === undefined) return makeKey(path, make());
  const { length } = make();
  if (before.length !== length) throw refuse(path, `a key of ${before.length} bytes, needed ${length}`);
  return before;
}

function makeKey(path: string, key: Uint8Array): Uint8Array {
  const unfinished = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  const file = openSync(unfinished, "wx", 0o600);
  writeSync(file, key);
  fsyncSync(file);
  closeSync(file);
  try {
    linkSync(unfinished, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    unlinkSync(unfinished);
  }
  return readKey(path) as Uint8Array;
}

function readKey(path: string): Uint8Array | undefined {
  try {
    const stat = lstatSync(path);
    if (!stat.isFile() || (stat.mode & 0o077) !== 0) throw refuse(path, "a key that others can read, or no plain file");
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
