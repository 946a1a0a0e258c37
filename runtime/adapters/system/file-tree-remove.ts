// Removes a run's private directory, whatever is in it and whatever others do to it meanwhile: links without what they
// point to, directories that may not be read, trees too deep for any path. Every step starts from a directory that is
// held open, so that a name which is swapped for a link leads nowhere. Subdirectories are moved up into the root and
// emptied there, so that neither the stack nor the number of open descriptors grows with the depth. Another file system
// that is mounted inside is left as it is, and its removal reported as not done. Whether a directory may go at all is
// the caller's business; the single calls are in file-tree-remove-calls.ts.
//
// Its calls are synchronous, since each takes microseconds and a turn of the thread pool takes more; every so many of
// them it lets others run. The exception is the close that frees an object's space: it may wait for the disk.
import { closeSync, constants, openSync, renameSync, rmdirSync } from "node:fs";
import { setImmediate as othersTurn } from "node:timers/promises";
import {
  below,
  isThere,
  linksOf,
  mountOf,
  type Name,
  openUp,
  pinDirectory,
  presentPlaceOf,
  Releases,
  someEntries,
  unlinked,
} from "./file-tree-remove-calls.ts";
import { errnoOf } from "./file-tree-walk.ts";

/** Four times the entries that the widest quota allows: who adds names faster than they go is not waited for. */
const TRIES_MAX = 4_000_000;

/** Removed, but still to be closed, before more is removed. */
const RELEASES_MAX = 64;

export interface RemoveOptions {
  /** A descriptor of the directory itself: what was moved away under another name is found and removed by it. */
  held?: number;
  /** Names that are tried, over all. */
  triesMax?: number;
}

/**
 * Removes `name` in the directory and all below it; true when nothing of that name is left, and nothing of `held`.
 * @param directory Host path, trusted.
 */
export async function removeTree(directory: string, name: string, options: RemoveOptions = {}): Promise<boolean> {
  const { held, triesMax = TRIES_MAX } = options;
  let parent: number;
  try {
    parent = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    return errnoOf(error) === "ENOENT" && (held === undefined || linksOf(held) === 0);
  }
  const releases = new Releases();
  try {
    const bounds: Bounds = { mount: mountOf(parent), spend: makeBudget(triesMax), releases };
    do {
      bounds.spend();
      await removeName(parent, name, bounds);
      if (held !== undefined) await removeMoved(held, bounds);
    } while (isThere(parent, name)); // something may have been put there meanwhile
    return true;
  } catch {
    return false;
  } finally {
    closeSync(parent);
    await releases.keepTo(0); // nothing of it takes space any more
  }
}

/** What no removal goes beyond. */
interface Bounds {
  /** The mounted file system that it stays in. */
  mount: string;
  /** Called for each name that is tried. */
  spend: () => void;
  releases: Releases;
}

class BudgetSpent extends Error {}

function makeBudget(tries: number): () => void {
  let left = tries;
  return () => {
    left -= 1;
    if (left < 0) throw new BudgetSpent();
  };
}

/** What was a directory a moment ago is a link, is gone or has been filled again: look anew. */
function isSwap(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "ELOOP", "ENOTEMPTY", "EEXIST", "EISDIR"].includes(errnoOf(error));
}

async function removeName(parent: number, name: Name, bounds: Bounds): Promise<void> {
  while (!unlinked(parent, name, bounds.releases.release)) {
    bounds.spend();
    try {
      const root = pinDirectory(parent, name, bounds.mount);
      try {
        await empty(root, bounds);
        rmdirSync(below(parent, name));
      } finally {
        bounds.releases.release(root);
      }
    } catch (error) {
      if (!isSwap(error)) throw error;
      await othersTurn();
    }
  }
}

/** The directory was given another name by somebody: it goes from there. */
async function removeMoved(held: number, bounds: Bounds): Promise<void> {
  while (linksOf(held) > 0) {
    bounds.spend();
    const { parent, name } = presentPlaceOf(held);
    try {
      openUp(held);
      await empty(held, bounds);
      rmdirSync(below(parent, name)); // empty, or it fails
    } catch (error) {
      if (!isSwap(error)) throw error;
      await othersTurn();
    } finally {
      closeSync(parent);
    }
  }
}

async function empty(root: number, bounds: Bounds): Promise<void> {
  const lift = makeLift(root, bounds.mount);
  await clear(root, bounds, async (child) => {
    const directory = pinDirectory(root, child, bounds.mount);
    try {
      await clear(directory, bounds, (grandchild) => lift(directory, grandchild));
      rmdirSync(below(root, child));
    } finally {
      bounds.releases.release(directory);
    }
  });
}

/**
 * Unlinks what is no directory, hands the directories to `onDirectory`, until none of either is left. What can't be
 * removed is passed over, so that the rest goes; then it throws.
 */
async function clear(
  directory: number,
  { spend, releases }: Bounds,
  onDirectory: (name: Buffer) => void | Promise<void>,
): Promise<void> {
  const stuck = new Map<string, unknown>();
  for (let names = someEntries(directory, stuck); names.length > 0; names = someEntries(directory, stuck)) {
    for (const name of names) {
      spend();
      try {
        if (!unlinked(directory, name, releases.release)) await onDirectory(name);
      } catch (error) {
        if (error instanceof BudgetSpent) throw error;
        if (!isSwap(error)) stuck.set(name.toString("latin1"), error);
      }
      await releases.keepTo(RELEASES_MAX);
    }
    await othersTurn();
  }
  for (const cause of stuck.values()) throw new Error("something in it can't be removed", { cause });
}

type Lift = (from: number, name: Buffer) => void;

/** Moves a directory into the root under a name that is free there. */
function makeLift(root: number, mount: string): Lift {
  let count = 0;
  return (from, name) => {
    closeSync(pinDirectory(from, name, mount)); // moving a directory writes its "..": it must be writable
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
