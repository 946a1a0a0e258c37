// The private directories of runs, and their read-only mounts. It opens what a CheckedPath names, without following a
// link (file-tree-walk.ts), and removes a run's directory at its end or after a crash (file-tree-remove.ts). Quotas, and
// what may be written where, were decided before, in core/capabilities/files.ts.
//
// A tree is `open` until `destroy`, then `ended`: operations under way finish first, new ones fail.
import { constants, mkdirSync } from "node:fs";
import { type FileHandle, mkdir, open, opendir, readdir, rmdir, unlink } from "node:fs/promises";
import { dirSync as makeTemporary } from "tmp";
import type { CheckedPath } from "../../model/checked.ts";
import { MayflyError, quote } from "../../model/error.ts";
import { isRunId } from "../../model/ids.ts";
import { FileFailure, type FileStat, type FileTree, type FileTrees } from "../../ports/file-tree.ts";
import { removeTree } from "./file-tree-remove.ts";
import {
  asFileFailure,
  errnoOf,
  type Pinned,
  pin,
  pinPath,
  refusalOf,
  reopen,
  through,
  walk,
} from "./file-tree-walk.ts";

const PRIVATE_MODE = 0o700;
const FILE_MODE = 0o600;
const DIRECTORY_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** @param directory Host directory that holds one private directory a run; made when it is absent, 0700. */
export function makeFileTrees({ directory }: { directory: string }): FileTrees {
  async function openTree(runId: string, mounts: Readonly<Record<string, string>>): Promise<FileTree> {
    requireRunId(runId);
    const roots = await openMounts(mounts);
    let path: string | undefined;
    try {
      // Synchronous where it can be: each call takes microseconds, and a turn of the thread pool takes more.
      mkdirSync(directory, { recursive: true, mode: PRIVATE_MODE });
      // `keep`: a run's end and recovery remove it, not an exit handler. The name is the run's id: 128 random bits.
      path = makeTemporary({ tmpdir: directory, name: runId, mode: PRIVATE_MODE, keep: true }).name;
      roots.set("private", await open(path, DIRECTORY_FLAGS));
      mkdirSync(through(rootOf(roots, "private"), "output"), { mode: PRIVATE_MODE });
    } catch (error) {
      await closeAll(roots);
      if (path !== undefined) await sweep(runId);
      throw unmakeable(error);
    }
    return makeTree(roots, () => sweep(runId));
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

type Roots = Map<string, FileHandle>;

function rootOf(roots: Roots, name: string): FileHandle {
  const root = roots.get(name);
  if (root === undefined) throw new FileFailure("not_found", "no such root");
  return root;
}

async function closeAll(roots: Roots): Promise<void> {
  for (const root of roots.values()) await root.close();
  roots.clear();
}

/** @throws MayflyError `config_invalid` for a source that is absent, a link, or neither file nor directory (FS-12). */
async function openMounts(mounts: Readonly<Record<string, string>>): Promise<Roots> {
  const roots: Roots = new Map();
  try {
    for (const [guestPath, source] of Object.entries(mounts)) roots.set(guestPath, await openMount(guestPath, source));
    return roots;
  } catch (error) {
    await closeAll(roots);
    throw error;
  }
}

async function openMount(guestPath: string, source: string): Promise<FileHandle> {
  const invalid = (found: string, cause?: unknown) =>
    new MayflyError({
      code: "config_invalid",
      message: `the mount ${quote(guestPath)} can't be opened`,
      found: `${found} at ${quote(source, 400)}`,
      needed: "a directory or a regular file, named without a symbolic link at the end",
      next: "correct files.mounts of the job, or put the source in its place",
      cause,
    });
  if (!guestPath.startsWith("/")) throw invalid("a guest path that is not absolute, with a source");
  let pinned: Pinned | undefined;
  try {
    pinned = await pinPath(source);
  } catch (error) {
    throw invalid("what the host does not open", error);
  }
  if (pinned === undefined) throw invalid("nothing");
  if (pinned.stats.isDirectory() || pinned.stats.isFile()) return pinned.handle;
  await pinned.handle.close();
  throw invalid(pinned.stats.isSymbolicLink() ? "a symbolic link" : "a special file");
}

function unmakeable(error: unknown): MayflyError {
  if (error instanceof MayflyError) return error;
  return new MayflyError({
    code: "state_directory",
    message: "the run's private directory could not be made",
    needed: "a state directory that this user may write, with space on its disk",
    cause: error,
  });
}

function makeTree(roots: Roots, removeDirectory: () => Promise<boolean>): FileTree {
  const underWay = new Set<Promise<unknown>>();
  let ended = false;

  /** Each operation is known until it is done, so that `destroy` closes no descriptor under it. */
  function run<T>(work: () => Promise<T>): Promise<T> {
    if (ended) return Promise.reject(new FileFailure("io", "the run's files are closed"));
    const done = work().catch((error: unknown) => {
      throw asFileFailure(error);
    });
    underWay.add(done);
    const forget = () => underWay.delete(done);
    done.then(forget, forget);
    return done;
  }

  const at = <T>(path: CheckedPath, use: (found: Pinned | undefined) => Promise<T>) =>
    run(() => walk(rootOf(roots, path.root), path.names, use));

  /** The parent of a path, pinned, and the last name: for what makes or removes a name. */
  const below = <T>(path: CheckedPath, use: (parent: Pinned, name: string) => Promise<T>) =>
    run(async () => {
      const name = path.names.at(-1);
      if (!path.writable || path.root !== "private" || name === undefined) {
        throw new FileFailure("io", "this path can't be changed");
      }
      return walk(rootOf(roots, path.root), path.names.slice(0, -1), (parent) => use(directoryOf(parent), name));
    });

  async function destroy(): Promise<boolean> {
    if (!ended) {
      ended = true;
      await Promise.allSettled(underWay);
      await closeAll(roots);
    }
    return removeDirectory();
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

function directoryOf(found: Pinned | undefined): Pinned {
  if (found === undefined) throw new FileFailure("not_found", "no such directory");
  if (!found.stats.isDirectory()) throw refusalOf(found.stats, "directory");
  return found;
}

function fileOf(found: Pinned | undefined, isPrivate: boolean): Pinned {
  if (found === undefined) throw new FileFailure("not_found", "no such file");
  if (!found.stats.isFile()) throw refusalOf(found.stats, "file");
  // We never link: a second name in the private tree is somebody else's doing (FS-06).
  if (isPrivate && found.stats.nlink !== 1) throw new FileFailure("special", "a file with more than one name");
  return found;
}

function statOf(found: Pinned, isPrivate: boolean): FileStat {
  const kind = found.stats.isDirectory() ? "directory" : "file";
  const { stats } = kind === "file" ? fileOf(found, isPrivate) : found;
  return { kind, bytes: kind === "file" ? stats.size : 0, modifiedAtMs: Math.trunc(stats.mtimeMs) };
}

async function readFile(found: Pinned | undefined, isPrivate: boolean, bytesMax: number): Promise<Uint8Array> {
  const file = fileOf(found, isPrivate);
  const tooLarge = () =>
    new FileFailure("io", `the file is larger than ${bytesMax} bytes, which is all that can be read`);
  if (file.stats.size > bytesMax) throw tooLarge();
  const handle = await reopen(file, constants.O_RDONLY);
  try {
    // One byte more than it had: a file that a mount's owner is writing may have grown.
    const buffer = Buffer.allocUnsafeSlow(Math.min(file.stats.size, bytesMax) + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
      length += bytesRead;
      if (bytesRead === 0) return buffer.subarray(0, length);
      if (length > bytesMax) throw tooLarge();
      if (length === buffer.length) return buffer.subarray(0, length - 1); // what it was when it was looked at
    }
  } finally {
    await handle.close();
  }
}

async function writeFile(parent: Pinned, name: string, bytes: Uint8Array, mode: "replace" | "append"): Promise<void> {
  const existing = await pin(parent.handle, name);
  let handle: FileHandle;
  try {
    if (existing === undefined) {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      handle = await open(through(parent.handle, name), flags, FILE_MODE);
    } else {
      const flags = constants.O_WRONLY | (mode === "append" ? constants.O_APPEND : constants.O_TRUNC);
      handle = await reopen(fileOf(existing, true), flags);
    }
  } finally {
    await existing?.handle.close();
  }
  try {
    for (let written = 0; written < bytes.length; ) {
      const { bytesWritten } = await handle.write(bytes, written, bytes.length - written);
      written += bytesWritten;
    }
  } finally {
    await handle.close();
  }
}

async function listDirectory(directory: Pinned, entriesMax: number) {
  const entries: { name: string; kind: "file" | "directory" | "other" }[] = [];
  const handle = await opendir(through(directory.handle));
  for await (const entry of handle) {
    if (entries.length === entriesMax) break;
    const kind = entry.isFile() ? "file" : entry.isDirectory() ? "directory" : "other";
    entries.push({ name: entry.name, kind });
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function removeOne(parent: Pinned, name: string): Promise<void> {
  const found = await pin(parent.handle, name);
  if (found === undefined) throw new FileFailure("not_found", "no such file or directory");
  await found.handle.close();
  if (found.stats.isDirectory()) return rmdir(through(parent.handle, name));
  if (!found.stats.isFile()) throw refusalOf(found.stats, "file");
  return unlink(through(parent.handle, name));
}
