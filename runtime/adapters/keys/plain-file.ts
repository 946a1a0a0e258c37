// A secret that earlier versions kept in the clear: handed over once, and destroyed when its new place has it durably.
// Overwriting reaches the old blocks on most disks, not on all (copy-on-write file systems, wear levelling, backups): where a
// copy may be about, rotate.
import { open, unlink } from "node:fs/promises";
import { keyFileError, readKeyFile } from "./key-file.ts";

/**
 * @param keep told the content, or undefined when there is none; durable when resolved.
 * @throws MayflyError `state_directory` for a file that is not ours, or is open to others.
 */
export async function takePlainFile(
  path: string,
  keep: (bytes: Uint8Array | undefined) => Promise<void>,
): Promise<void> {
  const bytes = await readKeyFile(path);
  const isDestroyed = bytes?.every((byte) => byte === 0) ?? true; // by another process, or before a crash
  await keep(isDestroyed ? undefined : bytes);
  if (bytes !== undefined) await destroy(path, bytes.length);
}

/** Of two processes that take the file at once, both may be here. */
async function destroy(path: string, bytes: number): Promise<void> {
  try {
    const file = await open(path, "r+");
    try {
      await file.write(new Uint8Array(bytes), 0, bytes, 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await unlink(path);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== "ENOENT")
      throw keyFileError(path, `it can't be removed (${code})`, "a file that we can remove", error);
  }
}
