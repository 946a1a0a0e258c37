// A file for others to read: whole or not there, 0644, in a directory of 0755. Who reads it while it is replaced has the old
// one or the new one; who mounts it elsewhere mounts the directory, since a mount of the file would stay with the old one.
import { constants } from "node:fs";
import { chmod, mkdir, open, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hex } from "../../model/ids.ts";
import type { Random } from "../../ports/random.ts";

/** Made if need be; open to all, as far as the directories above let them come. */
export async function openPublished(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o755);
}

/** Durable when resolved. */
export async function publishFile(
  directory: string,
  name: string,
  content: string | Uint8Array,
  random: Random,
): Promise<void> {
  const path = join(directory, name);
  const temporary = join(directory, `.${name}.${hex(random.bytes(8))}`);
  try {
    const file = await open(temporary, "wx", 0o644);
    try {
      await file.chmod(0o644); // whatever the umask is
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
  await syncDirectory(dirname(path));
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** undefined when there is none. @throws RangeError above `bytesMax`. */
export async function readPublished(directory: string, name: string, bytesMax: number): Promise<string | undefined> {
  return (await readPublishedBytes(directory, name, bytesMax))?.toString("utf8");
}

/** The same, for what is no text. */
export async function readPublishedBytes(
  directory: string,
  name: string,
  bytesMax: number,
): Promise<Buffer | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(join(directory, name), constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { size } = await file.stat();
    if (size > bytesMax) throw new RangeError(`${name} has ${size} bytes, needed at most ${bytesMax}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
