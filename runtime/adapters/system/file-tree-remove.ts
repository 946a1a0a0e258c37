// Removes a run's private directory, whatever is in it: links without what they point to, directories that may not be
// read, trees too deep for any path. Subdirectories are moved up into the root and emptied there, so that neither the
// stack nor the number of open descriptors grows with the depth.
//
// Its calls are synchronous, since each takes microseconds and a turn of the thread pool takes more; every so many of
// them it lets others run.
import {
  chmodSync,
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  opendirSync,
  openSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from "node:fs";
import { setImmediate as othersTurn } from "node:timers/promises";
import { errnoOf, O_PATH } from "./file-tree-walk.ts";

/** Entries that are read before they are removed: bounds memory, not the directory; and a slice of some 5 ms. */
const BATCH = 256;

/**
 * Removes `name` in the directory and all below it; true when nothing of that name is left.
 * @param directory Host path, trusted.
 */
export async function removeTree(directory: string, name: string): Promise<boolean> {
  let parent: number;
  try {
    parent = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    return errnoOf(error) === "ENOENT";
  }
  try {
    await removeName(parent, name);
    return !isThere(parent, name);
  } catch {
    return false;
  } finally {
    closeSync(parent);
  }
}

async function removeName(parent: number, name: string): Promise<void> {
  if (!isThere(parent, name) || unlinked(parent, name)) return;
  const root = pinDirectory(parent, name);
  try {
    const lift = makeLift(root);
    await clear(root, (child) => removeDirectory(root, child, lift));
    rmdirSync(below(parent, name));
  } finally {
    closeSync(root);
  }
}

async function removeDirectory(root: number, name: string, lift: Lift): Promise<void> {
  const directory = pinDirectory(root, name);
  try {
    await clear(directory, (child) => lift(directory, child));
    rmdirSync(below(root, name));
  } finally {
    closeSync(directory);
  }
}

/** Unlinks what is no directory, hands the directories to `onDirectory`, until none of either is left. */
async function clear(directory: number, onDirectory: (name: string) => void | Promise<void>): Promise<void> {
  for (let entries = someEntries(directory); entries.length > 0; entries = someEntries(directory)) {
    for (const entry of entries) {
      if (entry.isDirectory() || !unlinked(directory, entry.name)) await onDirectory(entry.name);
    }
    await othersTurn();
  }
}

type Lift = (from: number, name: string) => void;

/** Moves a directory into the root under a name that is free there. */
function makeLift(root: number): Lift {
  let count = 0;
  return (from, name) => {
    closeSync(pinDirectory(from, name)); // moving a directory writes its "..": it must be writable
    for (;;) {
      count += 1;
      try {
        return renameSync(below(from, name), below(root, `lifted-${count}`));
      } catch (error) {
        if (!["EEXIST", "ENOTEMPTY", "ENOTDIR"].includes(errnoOf(error))) throw error;
      }
    }
  };
}

/** A descriptor of the directory itself, with the owner's permissions set; a link in its place is an error. */
function pinDirectory(parent: number, name: string): number {
  const pinned = openSync(below(parent, name), O_PATH | constants.O_NOFOLLOW | constants.O_DIRECTORY);
  try {
    if ((fstatSync(pinned).mode & 0o700) !== 0o700) chmodSync(`/proc/self/fd/${pinned}`, 0o700);
    return pinned;
  } catch (error) {
    closeSync(pinned);
    throw error;
  }
}

/** False for a directory; a link goes without what it points to. */
function unlinked(directory: number, name: string): boolean {
  try {
    unlinkSync(below(directory, name));
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return true;
    if (errnoOf(error) === "EISDIR") return false; // Linux's word for it
    throw error;
  }
}

function isThere(parent: number, name: string): boolean {
  try {
    closeSync(openSync(below(parent, name), O_PATH | constants.O_NOFOLLOW));
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

function someEntries(directory: number): Dirent[] {
  const entries: Dirent[] = [];
  const reading = opendirSync(`/proc/self/fd/${directory}`, { bufferSize: BATCH });
  try {
    for (let entry = reading.readSync(); entry !== null; entry = reading.readSync()) {
      entries.push(entry);
      if (entries.length === BATCH) break;
    }
  } finally {
    reading.closeSync();
  }
  return entries;
}

function below(directory: number, name: string): string {
  return `/proc/self/fd/${directory}/${name}`;
}
