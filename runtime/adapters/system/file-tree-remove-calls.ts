// The single steps of a removal, each from a directory's descriptor and one name in it. No step follows a link, and none
// reaches into another mounted file system. In which order they come is file-tree-remove.ts's business.
//
// Names are bytes: Linux knows no encoding, and a name that isn't UTF-8 must go too.
import {
  chmodSync,
  close,
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  opendirSync,
  openSync,
  readFileSync,
  readlinkSync,
  unlinkSync,
} from "node:fs";
import { errnoOf, O_PATH } from "./file-tree-walk.ts";

export type Name = string | Buffer;

/** Entries that are read before they are removed: bounds memory, not the directory; and a slice of some 5 ms. */
const BATCH = 256;

/** A name in an open directory, as the kernel finds it without looking at the directory's own path. */
export function below(directory: number, name: Name): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), Buffer.from(name)]);
}

/**
 * A descriptor of the directory itself, with the owner's permissions set; a link in its place is an error (ENOTDIR), and
 * so is what is not of the mounted file system `mount` (EXDEV).
 */
export function pinDirectory(parent: number, name: Name, mount: string): number {
  const pinned = openSync(below(parent, name), O_PATH | constants.O_NOFOLLOW | constants.O_DIRECTORY);
  try {
    if (mountOf(pinned) !== mount) throw Object.assign(new Error("a mount"), { code: "EXDEV" });
    openUp(pinned);
    return pinned;
  } catch (error) {
    closeSync(pinned);
    throw error;
  }
}

/** Gives the owner back what a mode such as 0000 has taken. */
export function openUp(directory: number): void {
  if ((fstatSync(directory).mode & 0o700) !== 0o700) chmodSync(`/proc/self/fd/${directory}`, 0o700);
}

/**
 * The kernel's own number of the mount that an open object lies in (proc(5)). The device's number doesn't tell a bind
 * mount of the same disk apart.
 */
export function mountOf(descriptor: number): string {
  const id = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, "latin1"))?.[1];
  if (id === undefined) throw new Error("this kernel doesn't say what is mounted where");
  return id;
}

/**
 * False for a directory; a link goes without what it points to.
 * @param release Is given the last descriptor of what went: its close is what frees the space.
 */
export function unlinked(directory: number, name: Name, release: Release): boolean {
  const last = tryPin(directory, name);
  try {
    unlinkSync(below(directory, name));
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return true;
    if (errnoOf(error) === "EISDIR") return false; // Linux's word for it
    throw error;
  } finally {
    if (last !== undefined) release(last);
  }
}

/** Nothing when it can't be, for want of descriptors too: then the object's space is freed by the unlinking itself. */
function tryPin(directory: number, name: Name): number | undefined {
  try {
    return openSync(below(directory, name), O_PATH | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
}

/** Closes a descriptor some time. */
export type Release = (descriptor: number) => void;

/**
 * Closes descriptors in the thread pool: the last close of what has no name any more frees its space on the disk, and
 * that takes as long as the disk does (measured: 100–290 ms where freed blocks are discarded at once).
 */
export class Releases {
  readonly #closing = new Set<Promise<void>>();

  readonly release: Release = (descriptor) => {
    const closed = new Promise<void>((resolve) => close(descriptor, () => resolve())).finally(() => {
      this.#closing.delete(closed);
    });
    this.#closing.add(closed);
  };

  /** Waits until all are closed, when more than `descriptorsMax` are not. */
  async keepTo(descriptorsMax: number): Promise<void> {
    if (this.#closing.size > descriptorsMax) await Promise.all(this.#closing);
  }
}

export function isThere(parent: number, name: Name): boolean {
  try {
    closeSync(openSync(below(parent, name), O_PATH | constants.O_NOFOLLOW));
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

/** Names that still lead to the open object: none when it has been removed. */
export function linksOf(descriptor: number): number {
  return fstatSync(descriptor).nlink;
}

/** Where an open directory is now; the parent is opened for the caller to close. */
export function presentPlaceOf(directory: number): { parent: number; name: Buffer } {
  const path = readlinkSync(`/proc/self/fd/${directory}`, { encoding: "buffer" });
  const parent = openSync(`/proc/self/fd/${directory}/..`, O_PATH | constants.O_DIRECTORY);
  return { parent, name: path.subarray(path.lastIndexOf("/") + 1) };
}

/** Some names of the directory, without those that are `passedOver` (as Latin-1, one character a byte). */
export function someEntries(directory: number, passedOver: { has(name: string): boolean }): Buffer[] {
  const names: Buffer[] = [];
  // Node's types know text only; the encoding "buffer" is documented for all names of files.
  const options = { bufferSize: BATCH, encoding: "buffer" as BufferEncoding };
  const reading = opendirSync(`/proc/self/fd/${directory}`, options);
  try {
    for (let entry = reading.readSync(); entry !== null; entry = reading.readSync()) {
      const { name } = entry as unknown as Dirent<Buffer>;
      if (passedOver.has(name.toString("latin1"))) continue;
      names.push(name);
      if (names.length === BATCH) break;
    }
  } finally {
    reading.closeSync();
  }
  return names;
}
