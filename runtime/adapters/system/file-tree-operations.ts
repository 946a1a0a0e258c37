// What is done to one object that the walk has pinned, or to one name in a directory that it has pinned. Nothing here
// takes a path. What a kind of object can't serve for has a code of its own; quotas were checked before.
import { constants } from "node:fs";
import { type FileHandle, open, opendir, rmdir, unlink } from "node:fs/promises";
import { FileFailure, type FileStat } from "../../ports/file-tree.ts";
import { errnoOf, type Pinned, pin, refusalOf, reopen, through } from "./file-tree-walk.ts";

const FILE_MODE = 0o600;

export function directoryOf(found: Pinned | undefined): Pinned {
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

export function statOf(found: Pinned, isPrivate: boolean): FileStat {
  const kind = found.stats.isDirectory() ? "directory" : "file";
  const { stats } = kind === "file" ? fileOf(found, isPrivate) : found;
  return { kind, bytes: kind === "file" ? stats.size : 0, modifiedAtMs: Math.trunc(stats.mtimeMs) };
}

export async function readFile(found: Pinned | undefined, isPrivate: boolean, bytesMax: number): Promise<Uint8Array> {
  const file = fileOf(found, isPrivate);
  const tooLarge = () =>
    new FileFailure("io", `the file is larger than ${bytesMax} bytes, which is all that can be read`);
  if (file.stats.size > bytesMax) throw tooLarge();
  const handle = isPrivate ? await reopen(file, constants.O_RDONLY) : await openUnmarked(file);
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

/** Opens a mount's file without moving its access time. The kernel allows that to the file's owner and to root. */
async function openUnmarked(file: Pinned): Promise<FileHandle> {
  try {
    return await reopen(file, constants.O_RDONLY | constants.O_NOATIME);
  } catch (error) {
    if (errnoOf((error as FileFailure).cause) !== "EPERM") throw error;
    return reopen(file, constants.O_RDONLY); // another user's file: its mount's options decide
  }
}

export async function writeFile(
  parent: Pinned,
  name: string,
  bytes: Uint8Array,
  mode: "replace" | "append",
): Promise<void> {
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

export async function listDirectory(directory: Pinned, entriesMax: number) {
  const entries: { name: string; kind: "file" | "directory" | "other" }[] = [];
  const handle = await opendir(through(directory.handle));
  for await (const entry of handle) {
    if (entries.length === entriesMax) break;
    const kind = entry.isFile() ? "file" : entry.isDirectory() ? "directory" : "other";
    entries.push({ name: entry.name, kind });
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

export async function removeOne(parent: Pinned, name: string): Promise<void> {
  const found = await pin(parent.handle, name);
  if (found === undefined) throw new FileFailure("not_found", "no such file or directory");
  await found.handle.close();
  if (found.stats.isDirectory()) return rmdir(through(parent.handle, name));
  if (!found.stats.isFile()) throw refusalOf(found.stats, "file");
  return unlink(through(parent.handle, name));
}
