// The one directory in which an installation keeps its state: 0700, ours, no link. Keys in it are 0600 and made once.
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
  /** A key of that many bytes: read, or made at the first call of the installation. */
  key(name: string, bytes: number): Uint8Array;
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
    key: (name, bytes) => readOrMakeKey(join(directory("keys"), name), bytes),
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

// Complete before it has its name, and the first one wins, however many processes start at once.
function readOrMakeKey(path: string, bytes: number): Uint8Array {
  const before = readKey(path, bytes);
  if (before !== undefined) return before;
  const unfinished = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  const file = openSync(unfinished, "wx", 0o600);
  writeSync(file, randomBytes(bytes));
  fsyncSync(file);
  closeSync(file);
  try {
    linkSync(unfinished, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    unlinkSync(unfinished);
  }
  return readKey(path, bytes) as Uint8Array;
}

function readKey(path: string, bytes: number): Uint8Array | undefined {
  try {
    const stat = lstatSync(path);
    if (!stat.isFile() || (stat.mode & 0o077) !== 0) throw refuse(path, "a key that others can read, or no plain file");
    const key = readFileSync(path);
    if (key.length !== bytes) throw refuse(path, `a key of ${key.length} bytes, needed ${bytes}`);
    return new Uint8Array(key);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
