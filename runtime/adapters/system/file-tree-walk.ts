// Opening by name, one name at a time, from a directory that is already open. An object is first pinned (O_PATH, which
// follows no link, reads nothing and disturbs no device), then looked at, then opened through its pin: what was looked at
// is what is opened, whatever happens to its name meanwhile. Linux only, by /proc/self/fd.
import type { Stats } from "node:fs";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { FileFailure } from "../../ports/file-tree.ts";

/** Of <asm-generic/fcntl.h>; Node has no name for it. The same on x64 and arm64. */
export const O_PATH = 0o10_000_000;

/** A pinned object: good for `fstat`, and as a place to open from. */
export interface Pinned {
  handle: FileHandle;
  stats: Stats;
}

/** The path by which the kernel reaches an open object, or a name in it. */
export function through(handle: FileHandle, name?: string): string {
  // Node sets `fd` to -1 as soon as a handle is closed: a number that was given to another file is never used.
  if (handle.fd < 0) throw new FileFailure("io", "the run's files are closed");
  return name === undefined ? `/proc/self/fd/${handle.fd}` : `/proc/self/fd/${handle.fd}/${name}`;
}

/** Pins one name; undefined when nothing is there. A link is pinned itself. */
export async function pin(directory: FileHandle, name: string): Promise<Pinned | undefined> {
  return pinPath(through(directory, name));
}

/** The same by a host path, whose last name may be a link: then the link is pinned. */
export async function pinPath(path: string): Promise<Pinned | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, O_PATH | constants.O_NOFOLLOW);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw asFileFailure(error);
  }
  try {
    return { handle, stats: await handle.stat() };
  } catch (error) {
    await handle.close();
    throw asFileFailure(error);
  }
}

/**
 * Walks to the object that `names` lead to and hands it to `use`; all that was opened is closed afterwards. The root
 * itself stays open. undefined reaches `use` when the last name is not there.
 * @throws FileFailure `not_found` for an absent parent, `symlink`, `not_directory`.
 */
export async function walk<T>(
  root: FileHandle,
  names: readonly string[],
  use: (found: Pinned | undefined) => Promise<T>,
): Promise<T> {
  let current: Pinned = { handle: root, stats: await root.stat() };
  try {
    for (const [index, name] of names.entries()) {
      if (!current.stats.isDirectory()) throw refusalOf(current.stats, "directory");
      const next = await pin(current.handle, name);
      if (next === undefined) {
        if (index === names.length - 1) return await use(undefined);
        throw new FileFailure("not_found", "no such directory");
      }
      if (current.handle !== root) await current.handle.close();
      current = next;
    }
    return await use(current);
  } finally {
    if (current.handle !== root) await current.handle.close();
  }
}

/** Opens a pinned object for reading or writing. */
export async function reopen(pinned: Pinned, flags: number): Promise<FileHandle> {
  try {
    return await open(through(pinned.handle), flags);
  } catch (error) {
    throw asFileFailure(error);
  }
}

/** Why an object of this kind can't serve as what was wanted. */
export function refusalOf(stats: Stats, wanted: "file" | "directory"): FileFailure {
  if (stats.isSymbolicLink()) return new FileFailure("symlink", "a symbolic link is not followed");
  if (wanted === "file" && stats.isDirectory()) return new FileFailure("is_directory", "a directory, not a file");
  if (wanted === "directory" && stats.isFile()) return new FileFailure("not_directory", "a file, not a directory");
  return new FileFailure("special", "neither a regular file nor a directory");
}

const failureTexts = {
  ENOENT: ["not_found", "no such file or directory"],
  EEXIST: ["exists", "already there"],
  ELOOP: ["symlink", "a symbolic link is not followed"],
  ENOTDIR: ["not_directory", "a file, not a directory"],
  EISDIR: ["is_directory", "a directory, not a file"],
  ENOTEMPTY: ["not_empty", "the directory is not empty"],
  ENXIO: ["special", "neither a regular file nor a directory"],
  ENOSPC: ["io", "no space is left on the host's disk"],
  EACCES: ["io", "the host does not let it be read or written"],
} as const;

/** The system's error in the port's words: without the path that the message of the cause has. */
export function asFileFailure(error: unknown): FileFailure {
  if (error instanceof FileFailure) return error;
  const errno = errnoOf(error);
  const [code, text] = Object.hasOwn(failureTexts, errno)
    ? failureTexts[errno as keyof typeof failureTexts]
    : (["io", "the host could not do it"] as const);
  return new FileFailure(code, text, error);
}

export function errnoOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? "");
}
