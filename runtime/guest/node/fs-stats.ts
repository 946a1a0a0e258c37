// What node:fs says of a file: the capability's kind, size and time of change. The rest is one answer for all.
import type { FileStat } from "../files.ts";

const fileMode = 0o100600;
const directoryMode = 0o040700;
const blockBytes = 4_096;

export class Stats {
  readonly dev = 0;
  readonly ino = 0;
  readonly mode: number;
  readonly nlink = 1;
  readonly uid = 0;
  readonly gid = 0;
  readonly rdev = 0;
  readonly size: number;
  readonly blksize = blockBytes;
  readonly blocks: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;

  constructor({ kind, bytes, modifiedAtMs }: FileStat) {
    this.mode = kind === "directory" ? directoryMode : fileMode;
    this.size = bytes;
    this.blocks = Math.ceil(bytes / 512);
    this.atimeMs = modifiedAtMs;
    this.mtimeMs = modifiedAtMs;
    this.ctimeMs = modifiedAtMs;
    this.birthtimeMs = modifiedAtMs;
  }
  get atime(): Date {
    return new Date(this.atimeMs);
  }
  get mtime(): Date {
    return new Date(this.mtimeMs);
  }
  get ctime(): Date {
    return new Date(this.ctimeMs);
  }
  get birthtime(): Date {
    return new Date(this.birthtimeMs);
  }
  isFile(): boolean {
    return this.mode === fileMode;
  }
  isDirectory(): boolean {
    return this.mode === directoryMode;
  }
  isSymbolicLink(): boolean {
    return false;
  }
  isBlockDevice(): boolean {
    return false;
  }
  isCharacterDevice(): boolean {
    return false;
  }
  isFIFO(): boolean {
    return false;
  }
  isSocket(): boolean {
    return false;
  }
}

export class Dirent {
  readonly name: string;
  readonly parentPath: string;
  readonly #kind: string;

  constructor(name: string, kind: string, parentPath: string) {
    this.name = name;
    this.parentPath = parentPath;
    this.#kind = kind;
  }
  get path(): string {
    return this.parentPath;
  }
  isFile(): boolean {
    return this.#kind === "file";
  }
  isDirectory(): boolean {
    return this.#kind === "directory";
  }
  isSymbolicLink(): boolean {
    return false;
  }
  isBlockDevice(): boolean {
    return false;
  }
  isCharacterDevice(): boolean {
    return false;
  }
  isFIFO(): boolean {
    return false;
  }
  isSocket(): boolean {
    return false;
  }
}
