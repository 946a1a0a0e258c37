// The private directories of runs: made when a run first asks for its files, since a third of what a run costs the
// supervisor was making and removing one that nobody used; removed at its end or after a crash (file-tree-remove.ts). What
// a run does with its files goes through file-tree-walk.ts, which follows no link, and file-tree-operations.ts. Quotas,
// and what may be written where, were decided before, in core/capabilities/files.ts.
//
// A tree is `open` until `destroy`, then `ended`: operations under way finish first, new ones fail.
import { closeSync, constants, mkdirSync, openSync } from "node:fs";
import { mkdir, open, readdir } from "node:fs/promises";
import { dirSync as makeTemporary } from "tmp";
import type { CheckedPath } from "../../model/checked.ts";
import { MayflyError, quote } from "../../model/error.ts";
import { isRunId } from "../../model/ids.ts";
import { FileFailure, type FileTree, type FileTrees } from "../../ports/file-tree.ts";
import { directoryOf, listDirectory, readFile, removeOne, statOf, writeFile } from "./file-tree-operations.ts";
import { removeTree } from "./file-tree-remove.ts";
import { closeAll, openMounts, type Roots, rootOf } from "./file-tree-roots.ts";
import { makeTurns } from "./file-tree-turns.ts";
import { errnoOf, type Pinned, through, walk } from "./file-tree-walk.ts";

const PRIVATE_MODE = 0o700;
const DIRECTORY_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** @param directory Host directory that holds one private directory a run; made when it is absent, 0700. */
export function makeFileTrees({ directory }: { directory: string }): FileTrees {
  async function openTree(runId: string, mounts: Readonly<Record<string, string>>): Promise<FileTree> {
    requireRunId(runId);
    const roots = await openMounts(mounts);
    return makeTree({
      roots,
      make: () => makePrivate(runId, roots),
      remove: (held) => removeTree(directory, runId, held === undefined ? {} : { held }),
    });
  }

  async function makePrivate(runId: string, roots: Roots): Promise<void> {
    let path: string | undefined;
    try {
      // Synchronous where it can be: each call takes microseconds, and a turn of the thread pool takes more.
      mkdirSync(directory, { recursive: true, mode: PRIVATE_MODE });
      closeSync(openSync(directory, DIRECTORY_FLAGS)); // no link: removal wouldn't follow it either
      // `keep`: a run's end and recovery remove it, not an exit handler. The name is the run's id: 128 random bits.
      path = makeTemporary({ tmpdir: directory, name: runId, mode: PRIVATE_MODE, keep: true }).name;
      roots.set("private", await open(path, DIRECTORY_FLAGS));
      mkdirSync(through(rootOf(roots, "private"), "output"), { mode: PRIVATE_MODE });
    } catch (error) {
      await roots.get("private")?.close();
      roots.delete("private");
      if (path !== undefined) await sweep(runId);
      throw new FileFailure("io", "the run's private directory could not be made", error);
    }
  }

  async function leftBehind(): Promise<string[]> {
    try {
      return (await readdir(directory)).filter(isRunId).sort();
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return [];
      throw error;
    }
  }

  async function sweep(runId: string): Promise<boolean> {
    requireRunId(runId);
    return removeTree(directory, runId);
  }

  return { open: openTree, leftBehind, sweep };
}

/** A name that is no run's would let a caller remove, or sweep, what isn't ours. */
function requireRunId(runId: string): void {
  if (!isRunId(runId)) {
    throw new MayflyError({
      code: "internal",
      message: "a private directory is named by a run's id",
      found: quote(runId),
    });
  }
}

interface TreeParts {
  roots: Roots;
  /** Makes the private directory, whose root is there afterwards. Rejects with FileFailure `io`; nothing is then left. */
  make(): Promise<void>;
  /** Is given the directory's descriptor while the tree still holds it. */
  remove(held?: number): Promise<boolean>;
}

function makeTree({ roots, make, remove }: TreeParts): FileTree {
  const { run, end } = makeTurns();
  /** Then there may be something to remove. */
  let wasAsked = false;
  let making: Promise<void> | undefined;

  /** What failed is tried again by the next who asks: the disk may have space by then. */
  async function rootFor(root: CheckedPath["root"]): Promise<ReturnType<typeof rootOf>> {
    if (root === "private" && !roots.has("private")) {
      wasAsked = true;
      making ??= make().finally(() => {
        making = undefined;
      });
      await making;
    }
    return rootOf(roots, root);
  }

  const at = <T>(path: CheckedPath, use: (found: Pinned | undefined) => Promise<T>) =>
    run(async () => walk(await rootFor(path.root), path.names, use));

  /** The parent of a path, pinned, and the last name: for what makes or removes a name. */
  const below = <T>(path: CheckedPath, use: (parent: Pinned, name: string) => Promise<T>) =>
    run(async () => {
      const name = path.names.at(-1);
      if (!path.writable || path.root !== "private" || name === undefined) {
        throw new FileFailure("io", "this path can't be changed");
      }
      return walk(await rootFor(path.root), path.names.slice(0, -1), (parent) => use(directoryOf(parent), name));
    });

  async function destroyOnce(): Promise<boolean> {
    await end();
    if (!wasAsked) return nothingMade();
    const held = roots.get("private")?.fd;
    try {
      return await remove(held);
    } finally {
      await closeAll(roots);
    }
  }

  async function nothingMade(): Promise<boolean> {
    await closeAll(roots);
    return true;
  }

  let lastDestroy = Promise.resolve(false);
  /** One after the other: the descriptor that one works with is not closed by another. */
  function destroy(): Promise<boolean> {
    lastDestroy = lastDestroy.then(destroyOnce, destroyOnce);
    return lastDestroy;
  }

  return {
    read: (path, bytesMax) => at(path, (found) => readFile(found, path.root === "private", bytesMax)),
    write: (path, bytes, mode) => below(path, (parent, name) => writeFile(parent, name, bytes, mode)),
    makeDirectory: (path) => below(path, (parent, name) => mkdir(through(parent.handle, name), { mode: PRIVATE_MODE })),
    list: (path, entriesMax) => at(path, (found) => listDirectory(directoryOf(found), entriesMax)),
    stat: (path) => orNothing(at(path, async (found) => found && statOf(found, path.root === "private"))),
    remove: (path) => below(path, removeOne),
    destroy,
  };
}

/** A name below a directory that isn't there isn't there either. */
async function orNothing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof FileFailure && error.code === "not_found") return undefined;
    throw error;
  }
}
