// A small file of keys in the state directory: 0600, ours, no link, whole or not there. Answers for reading it strictly, for
// making it once however many processes start together, and for replacing it so that a reader sees the old one or the
// new one, durably. What is in it is its owner's business.
import { constants } from "node:fs";
import { link, open, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { MayflyError } from "../../model/error.ts";
import { hex } from "../../model/ids.ts";
import type { Random } from "../../ports/random.ts";

/** No file of keys is larger, bytes. */
const fileBytesMax = 1_048_576;

/**
 * undefined when there is none.
 * @throws MayflyError `state_directory` for a link, another's file, or one that others can read.
 */
export async function readKeyFile(path: string): Promise<Uint8Array | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw keyFileError(path, `it can't be opened (${codeOf(error)})`, "a regular file that we can read", error);
  }
  try {
    const stat = await file.stat();
    const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
    if (!stat.isFile()) throw keyFileError(path, "not a regular file", "a regular file");
    if ((stat.mode & 0o077) !== 0) throw keyFileError(path, `mode ${mode}`, "mode 0600: keys that only we can read");
    if (stat.uid !== process.getuid?.()) throw keyFileError(path, `owner ${stat.uid}`, "a file of our own user");
    if (stat.size > fileBytesMax) throw keyFileError(path, `${stat.size} bytes`, `at most ${fileBytesMax}`);
    return new Uint8Array(await file.readFile());
  } finally {
    await file.close();
  }
}

/** Differs once the file has been replaced: each replacement is a new file, renamed into its place. "" when there is none. */
export async function keyFileVersion(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found === undefined ? "" : `${found.ino}.${found.mtimeNs}.${found.size}`;
}

/** Makes the file unless there is one; of several makers the first one wins. Durable when resolved. */
export async function makeKeyFile(path: string, bytes: Uint8Array, random: Random): Promise<void> {
  await written(path, bytes, random, async (temporary) => {
    try {
      await link(temporary, path);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    } finally {
      await unlink(temporary);
    }
  });
}

/** Durable when resolved. */
export async function replaceKeyFile(path: string, bytes: Uint8Array, random: Random): Promise<void> {
  await written(path, bytes, random, (temporary) => rename(temporary, path));
}

async function written(path: string, bytes: Uint8Array, random: Random, place: (temporary: string) => Promise<void>) {
  const temporary = `${path}.${hex(random.bytes(8))}`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await place(temporary);
    await syncDirectory(dirname(path));
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw keyFileError(path, `it can't be written (${codeOf(error)})`, "a directory that we can write to", error);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Never with what is in the file: what parsers say may quote a key. */
export function keyFileError(path: string, found: string, needed: string, cause?: unknown): MayflyError {
  return new MayflyError({
    code: "state_directory",
    message: `the key file ${path} can't be used`,
    found,
    needed,
    next: "If others could have read it, end all leases and begin with a new state directory. Otherwise chmod 600 and check its owner.",
    ...(cause === undefined ? {} : { cause }),
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
