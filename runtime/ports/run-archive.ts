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
  /** Copies the files out of the tree, encrypted, and returns them with the sizes and digests of their content. */
  collect(runId: string, tree: FileTree, files: readonly CheckedPath[]): Promise<Output[]>;
  /** A collected file's content, in order. Rejects with MayflyError `sealed_invalid` when it isn't what was collected. */
  readOutput(runId: string, output: Output): AsyncIterable<Uint8Array>;
  /** Writes the content of collected files below a directory that doesn't exist yet. */
  saveOutputs(runId: string, outputs: readonly Output[], directory: string): Promise<void>;
  /** Host directory with the collected files of a run, as they are kept. */
  outputDirectory(runId: string): string;
}
