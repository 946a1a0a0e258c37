// What a run's private tree holds, as the supervisor, its only writer, knows it: every entry with its size. The quota is
// held against this, so that it is exact without asking the disk; after a failed write files.ts sets it right from disk.
// Sizes count twice: as bytes, and as the disk's blocks, of which the smallest file takes a whole one.
import { type FileQuota, fileQuotaCeiling } from "../../model/limits.ts";
import { formatSize } from "../../model/units.ts";
import { Denied } from "./capability.ts";
import { type GuestPath, guestPath, pathTarget } from "./files-path.ts";

/** What file systems give out at least, bytes: ext4, XFS and Btrfs as they are usually made. */
const BLOCK_BYTES = 4_096;
/** What files and directories may take on disk beyond the quota of bytes, for blocks that are not full: 256 of them. */
const blockSlackBytes = 256 * BLOCK_BYTES;

export type Entry = { kind: "directory" } | { kind: "file"; bytes: number };

export interface Ledger {
  get(path: GuestPath): Entry | undefined;
  set(path: GuestPath, entry: Entry): void;
  remove(path: GuestPath): void;
  /** Ancestors of the path that don't exist yet, outermost first. */
  missingParents(path: GuestPath): GuestPath[];
  /**
   * Asked before a path becomes `after`, with so many directories made above it.
   * @throws Denied `quota`, when the tree would pass it.
   */
  require(path: GuestPath, after: Entry, parents: number): void;
  /** Files below a directory, in code-unit order. */
  filesBelow(path: GuestPath): GuestPath[];
}

/** `given` directories were there before the job and don't count. */
export function makeLedger(quota: FileQuota, given: readonly GuestPath[]): Ledger {
  const entries = new Map<string, Entry>(given.map((path) => [path.text, { kind: "directory" }]));
  let usedBytes = 0;
  let usedBlockBytes = 0;

  function count(entry: Entry | undefined, sign: 1 | -1): void {
    usedBytes += sign * bytesOf(entry);
    usedBlockBytes += sign * blockBytesOf(entry);
  }

  function set(path: GuestPath, entry: Entry): void {
    count(entries.get(path.text), -1);
    count(entry, 1);
    entries.set(path.text, entry);
  }

  function remove(path: GuestPath): void {
    count(entries.get(path.text), -1);
    entries.delete(path.text);
  }

  function missingParents(path: GuestPath): GuestPath[] {
    const parents = path.names.slice(1).map((_, index) => guestPath(path.names.slice(0, index + 1)));
    return parents.filter((parent) => !entries.has(parent.text));
  }

  function require(path: GuestPath, after: Entry, parents: number): void {
    const before = entries.get(path.text);
    const more = {
      bytes: bytesOf(after) - bytesOf(before),
      blockBytes: blockBytesOf(after) - blockBytesOf(before) + parents * BLOCK_BYTES,
      entries: parents + (before === undefined ? 1 : 0),
    };
    // What makes nothing larger is always allowed: else a full tree could not be cleared.
    if (more.bytes > 0 && usedBytes + more.bytes > quota.bytes) {
      const found = `${usedBytes} bytes are used and ${more.bytes} more asked for, of ${formatSize(quota.bytes)}`;
      throw overQuota(path, found, "bytes", quota);
    }
    const usedEntries = entries.size - given.length;
    if (more.entries > 0 && usedEntries + more.entries > quota.entries) {
      const found = `${usedEntries} files and directories exist and ${more.entries} more were asked for, of ${quota.entries}`;
      throw overQuota(path, found, "entries", quota);
    }
    const blockBytesMax = quota.bytes + blockSlackBytes;
    if (more.blockBytes > 0 && usedBlockBytes + more.blockBytes > blockBytesMax) {
      const found = `files and directories take ${usedBlockBytes} bytes of the disk's blocks and ${more.blockBytes} more were asked for, of ${blockBytesMax}`;
      throw overQuota(path, `${found}; put more into each file`, "bytes", quota);
    }
  }

  function filesBelow(path: GuestPath): GuestPath[] {
    const beginning = path.text === "/" ? "/" : `${path.text}/`;
    const texts = [...entries].filter(([text, entry]) => entry.kind === "file" && text.startsWith(beginning));
    return texts
      .map(([text]) => text)
      .sort()
      .map((text) => guestPath(text.slice(1).split("/")));
  }

  return { get: (path) => entries.get(path.text), set, remove, missingParents, require, filesBelow };
}

function bytesOf(entry: Entry | undefined): number {
  return entry?.kind === "file" ? entry.bytes : 0;
}

function blockBytesOf(entry: Entry | undefined): number {
  return entry?.kind === "directory" ? BLOCK_BYTES : Math.ceil(bytesOf(entry) / BLOCK_BYTES) * BLOCK_BYTES;
}

function overQuota(path: GuestPath, found: string, key: "bytes" | "entries", quota: FileQuota): Denied {
  const inConfig = (value: number) =>
    key === "bytes" ? `files.quota.bytes: "${formatSize(value)}"` : `files.quota.entries: ${value}`;
  const next = Math.min(quota[key] * 2, fileQuotaCeiling[key]);
  const remedy = next > quota[key] ? { remedy: inConfig(next) } : {};
  const message = `${found}; remove files, or raise files.quota.${key}`;
  return new Denied("quota", message, pathTarget(path.text), { nearest: inConfig(quota[key]), ...remedy });
}

/** @throws Denied `depth`. */
export function requireDepth(quota: FileQuota, path: GuestPath, directories: number): void {
  if (directories <= quota.depth) return;
  const found = `the path is ${directories} directories deep, at most ${quota.depth}`;
  const message = `${found}; use fewer, or raise files.quota.depth (at most ${fileQuotaCeiling.depth})`;
  const nearest = `files.quota.depth: ${quota.depth}`;
  const remedy = directories > fileQuotaCeiling.depth ? {} : { remedy: `files.quota.depth: ${directories}` };
  throw new Denied("depth", message, pathTarget(path.text), { nearest, ...remedy });
}
