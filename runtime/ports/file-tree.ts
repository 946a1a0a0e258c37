// One run's private directory and its read-only mounts. Every path is walked name by name from an open directory,
// without following symbolic links, so that the object that is opened is the object that was meant.
import type { CheckedPath } from "../model/checked.ts";

export interface FileStat {
  kind: "file" | "directory";
  bytes: number;
  modifiedAtMs: number;
}

/** Why a file operation failed, in words that name no host path. */
export type FileFailureCode =
  | "not_found"
  | "exists"
  | "symlink"
  | "special"
  | "not_directory"
  | "is_directory"
  | "not_empty"
  | "io";

export class FileFailure extends Error {
  override readonly name = "FileFailure";
  readonly code: FileFailureCode;
  constructor(code: FileFailureCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

export interface FileTree {
  /** Up to `bytesMax` bytes; a larger file is a FileFailure `io` that says so. */
  read(path: CheckedPath, bytesMax: number): Promise<Uint8Array>;
  /** Replaces the file, or appends to it. The parent directory must exist. */
  write(path: CheckedPath, bytes: Uint8Array, mode: "replace" | "append"): Promise<void>;
  makeDirectory(path: CheckedPath): Promise<void>;
  /** Names in code-unit order, at most `entriesMax`. */
  list(path: CheckedPath, entriesMax: number): Promise<{ name: string; kind: "file" | "directory" | "other" }[]>;
  /** undefined when nothing is there. */
  stat(path: CheckedPath): Promise<FileStat | undefined>;
  /** A file or an empty directory. */
  remove(path: CheckedPath): Promise<void>;
  /** Removes the private directory, if there is one, and all below it; true when it is gone. Mounts are not touched. */
  destroy(): Promise<boolean>;
}

/** Makes the trees, and finds the directories that an earlier process left. */
export interface FileTrees {
  /** The mounts' sources are opened now and held. The private directory, with `output` in it, 0700, is made when it is asked for. */
  open(runId: string, mounts: Readonly<Record<string, string>>): Promise<FileTree>;
  /** Names of runs whose private directory exists. */
  leftBehind(): Promise<string[]>;
  /** Removes the directory of such a run; true when it is gone. */
  sweep(runId: string): Promise<boolean>;
}
