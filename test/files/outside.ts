// What no run may read or change: a directory outside of every tree, with a canary in it, and the eye that sees whether
// somebody did. Access times are set far back, so that on a disk with `relatime` one reading moves them.
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

export interface Outside {
  directory: string;
  /** `canary.txt` in it. */
  file: string;
  /** The text that no run may ever have. */
  canary: string;
  /** What differs from the beginning, in words; empty when nothing was touched. */
  touched(): string[];
}

/** @param directory is made: it must not be there. */
export function makeOutside(directory: string): Outside {
  const canary = `canary-${randomBytes(16).toString("hex")}`;
  mkdirSync(join(directory, "sub"), { recursive: true });
  const file = join(directory, "canary.txt");
  writeFileSync(file, canary);
  writeFileSync(join(directory, "sub/canary.txt"), canary);
  for (const path of [file, join(directory, "sub/canary.txt")]) utimesSync(path, 1_000_000_000, 1_000_000_001);
  const before = snapshot(directory);
  return {
    directory,
    file,
    canary,
    touched() {
      const after = snapshot(directory);
      const paths = new Set([...before.keys(), ...after.keys()]);
      return [...paths].filter((path) => before.get(path) !== after.get(path)).map((path) => `${path} was touched`);
    },
  };
}

/** Each object below (and the directory itself) with all that its inode tells; access times of files only. */
export function snapshot(directory: string): Map<string, string> {
  const found = new Map<string, string>();
  const look = (path: string) => {
    const stats = lstatSync(path, { bigint: true });
    const { mode, uid, gid, nlink, ino, mtimeNs, ctimeNs, atimeNs, size } = stats;
    const facts = [mode, uid, gid, nlink, ino, mtimeNs, ctimeNs];
    if (stats.isDirectory()) {
      found.set(path, facts.join(" "));
      for (const name of readdirSync(path)) look(join(path, name));
    } else {
      const content = stats.isSymbolicLink() ? readlinkSync(path) : stats.isFile() ? readUnmarked(path) : "";
      found.set(path, [...facts, atimeNs, size, content].join(" "));
    }
  };
  look(directory);
  return found;
}

function readUnmarked(path: string): string {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOATIME);
  try {
    return readFileSync(descriptor, "latin1");
  } finally {
    closeSync(descriptor);
  }
}
