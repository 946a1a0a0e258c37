// The places that a run's files start from, each held open from the run's start to its end: its private directory and
// the sources of its read-only mounts. It refuses a source that is not what it was when the config was written; which
// mounts a run has is the config's word.
import type { FileHandle } from "node:fs/promises";
import { MayflyError, quote } from "../../model/error.ts";
import { FileFailure } from "../../ports/file-tree.ts";
import { type Pinned, pinPath } from "./file-tree-walk.ts";

/** "private", or a mount's guest path, to its open directory or file. */
export type Roots = Map<string, FileHandle>;

export function rootOf(roots: Roots, name: string): FileHandle {
  const root = roots.get(name);
  if (root === undefined) throw new FileFailure("not_found", "no such root");
  return root;
}

/** Closes all, and throws for none: a descriptor that could not be closed is closed all the same (close(2)). */
export async function closeAll(roots: Roots): Promise<void> {
  await Promise.allSettled([...roots.values()].map((root) => root.close()));
  roots.clear();
}

/** @throws MayflyError `config_invalid` for a source that is absent, a link, or neither file nor directory (FS-12). */
export async function openMounts(mounts: Readonly<Record<string, string>>): Promise<Roots> {
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
