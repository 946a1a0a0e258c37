// What is kept of a run beside its record: its log lines and the files of /output.
import type { CheckedPath } from "../model/checked.ts";
import type { Output } from "../model/run.ts";
import type { FileTree } from "./file-tree.ts";

export interface LogLine {
  /** ISO 8601, UTC. */
  at: string;
  level: "debug" | "info" | "warn" | "error";
  /** One line, escaped. */
  text: string;
}

export interface RunArchive {
  appendLog(runId: string, line: LogLine): void;
  /** Waits for all appended lines of the run to be on disk. */
  closeLog(runId: string): Promise<void>;
  logLines(runId: string): Promise<LogLine[]>;
  /** Copies the files out of the tree and returns them with digests. */
  collect(runId: string, tree: FileTree, files: readonly CheckedPath[]): Promise<Output[]>;
  /** Host directory with the collected files of a run, for people. */
  outputDirectory(runId: string): string;
}
