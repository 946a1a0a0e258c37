// Removes a run's private directory, whatever is in it: links without what they point to, directories that may not be
// read, trees too deep for any path. Subdirectories are moved up into the root and emptied there, so that neither the
// stack nor the number of open descriptors grows with the depth.
import { chmod, type FileHandle, opendir, rename, rmdir, unlink } from "node:fs/promises";
import { errnoOf, type Pinned, pin, through } from "./file-tree-walk.ts";

/** Entries that are read before they are removed: bounds memory, not the directory. */
const BATCH = 1_024;

/** Removes `name` in `parent` and all below it; true when nothing of that name is left. */
export async function removeTree(parent: FileHandle, name: string): Promise<boolean> {
  try {
    const pinned = await pin(parent, name);
    if (pinned === undefined) return true;
    try {
      if (!pinned.stats.isDirectory()) await unlink(through(parent, name));
      else {
        await emptyDirectory(pinned);
        await rmdir(through(parent, name));
      }
    } finally {
      await pinned.handle.close();
    }
    return (await stillThere(parent, name)) === false;
  } catch {
    return !(await stillThere(parent, name));
  }
}

async function stillThere(parent: FileHandle, name: string): Promise<boolean> {
  try {
    const pinned = await pin(parent, name);
    await pinned?.handle.close();
    return pinned !== undefined;
  } catch {
    return true; // unknown is not gone
  }
}

/** Throws what the system says when something can't be removed. */
async function emptyDirectory(root: Pinned): Promise<void> {
  await makeOurs(root);
  const lift = makeLift(root.handle);
  await clear(root.handle, (name) => removeDirectory(root.handle, name, lift));
}

async function removeDirectory(root: FileHandle, name: string, lift: Lift): Promise<void> {
  const directory = await pin(root, name);
  if (directory === undefined) return;
  try {
    await makeOurs(directory);
    await clear(directory.handle, (child) => liftDirectory(directory.handle, child, lift));
    await rmdir(through(root, name));
  } finally {
    await directory.handle.close();
  }
}

async function liftDirectory(from: FileHandle, name: string, lift: Lift): Promise<void> {
  const directory = await pin(from, name);
  if (directory === undefined) return;
  try {
    await makeOurs(directory); // moving a directory writes its "..": it must be writable
    await lift(from, name);
  } finally {
    await directory.handle.close();
  }
}

/** Unlinks what is no directory, hands the directories to `onDirectory`, until none of either is left. */
async function clear(directory: FileHandle, onDirectory: (name: string) => Promise<void>): Promise<void> {
  for (let names = await someNames(directory); names.length > 0; names = await someNames(directory)) {
    const directories: string[] = [];
    const unlinked = names.map(async (name) => {
      if (!(await unlinkFile(directory, name))) directories.push(name);
    });
    await Promise.all(unlinked);
    for (const name of directories) await onDirectory(name);
  }
}

/** False for a directory; a link goes without what it points to. */
async function unlinkFile(directory: FileHandle, name: string): Promise<boolean> {
  try {
    await unlink(through(directory, name));
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return true;
    if (errnoOf(error) === "EISDIR") return false; // Linux's word for it
    throw error;
  }
}

type Lift = (from: FileHandle, name: string) => Promise<void>;

/** Moves a directory into the root under a name that is free there. */
function makeLift(root: FileHandle): Lift {
  let count = 0;
  return async (from, name) => {
    for (;;) {
      count += 1;
      try {
        return await rename(through(from, name), through(root, `lifted-${count}`));
      } catch (error) {
        if (!["EEXIST", "ENOTEMPTY", "ENOTDIR"].includes(errnoOf(error))) throw error;
      }
    }
  };
}

/** By the pinned object, so that a link in its place is not followed. */
async function makeOurs(directory: Pinned): Promise<void> {
  if ((directory.stats.mode & 0o700) !== 0o700) await chmod(through(directory.handle), 0o700);
}

async function someNames(directory: FileHandle): Promise<string[]> {
  const names: string[] = [];
  const entries = await opendir(through(directory), { bufferSize: BATCH });
  for await (const entry of entries) {
    names.push(entry.name);
    if (names.length === BATCH) break; // leaving the loop closes the directory
  }
  return names;
}
