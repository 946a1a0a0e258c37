// What `mayfly doctor` lays out for its own attacks, below a temporary directory of its own: a file that no job may read,
// a directory that may only be read, a link into the midst of a run, a byte of the audit log that was turned. It reads them
// again for the attack to compare; what was expected is cli/doctor's.
import { randomBytes } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What an attack that got out would leave in the bait's directory. */
export const escapedName = "escaped";

export interface Bait {
  /** Absolute: a directory that belongs to no run. */
  readonly directory: string;
  /** Absolute: the file in it. */
  readonly file: string;
  /** What the file says, and nothing else in the world. */
  readonly canary: string;
  /** The file says it still and was not written to since, and nothing has escaped to it. */
  untouched(): boolean;
  /** Puts symbolic links into `directory`: `name` to the file, `<name>-directory` to its directory. */
  link(directory: string, name: string): void;
}

/** Makes them in `parent`, readable for every user: what keeps a job from them shall be the walls, not their mode. */
export function layBait(parent: string): Bait {
  const directory = join(parent, "bait");
  const file = join(directory, "secret.txt");
  const canary = `mayfly-bait-${randomBytes(16).toString("hex")}`;
  mkdirSync(directory);
  writeFileSync(file, canary, { mode: 0o644 });
  const { mtimeMs } = statSync(file);
  return {
    directory,
    file,
    canary,
    untouched: () =>
      readFileSync(file, "utf8") === canary &&
      statSync(file).mtimeMs === mtimeMs &&
      !existsSync(join(directory, escapedName)),
    link(into, name) {
      symlinkSync(file, join(into, name));
      symlinkSync(directory, join(into, `${name}-directory`));
    },
  };
}

/** Turns the last byte of `text` in a file, in every copy of it that the file has. @throws RangeError when it has none. */
export function turnByte(path: string, text: string): void {
  const bytes = readFileSync(path);
  let at = bytes.indexOf(text);
  if (at < 0) throw new RangeError("the file doesn't have what was to be turned");
  for (; at >= 0; at = bytes.indexOf(text, at + 1)) {
    const last = at + text.length - 1;
    bytes[last] = (bytes[last] ?? 0) ^ 1;
  }
  writeFileSync(path, bytes);
}

/** Copies a ledger and its keys into `to`, while the ledger is open and nobody writes to it. */
export function copyState(from: string, to: string): void {
  mkdirSync(to, { mode: 0o700 });
  cpSync(join(from, "keys"), join(to, "keys"), { recursive: true });
  for (const name of ["ledger.db", "ledger.db-wal"]) {
    if (existsSync(join(from, name))) cpSync(join(from, name), join(to, name));
  }
}
