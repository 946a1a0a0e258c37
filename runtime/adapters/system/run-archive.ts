// Log lines and output files of runs, in the state directory: `logs/<run>.ndjson` and `outputs/<run>/…`. Files appear
// under their final name once they are complete.
import { createHash } from "node:crypto";
import { type FileHandle, mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Output } from "../../model/run.ts";
import type { LogLine, RunArchive } from "../../ports/run-archive.ts";

interface OpenLog {
  waiting: string[];
  /** Ends with the writing of all that was appended before. */
  writing: Promise<void>;
  handle: FileHandle | undefined;
}

export function makeRunArchive(stateDirectory: string, fileBytesMax: number): RunArchive {
  const logs = join(stateDirectory, "logs");
  const outputs = join(stateDirectory, "outputs");
  const openLogs = new Map<string, OpenLog>();

  async function drain(runId: string, log: OpenLog): Promise<void> {
    if (log.waiting.length === 0) return;
    const text = log.waiting.splice(0).join("");
    if (log.handle === undefined) {
      await mkdir(logs, { recursive: true, mode: 0o700 });
      log.handle = await open(join(logs, `${runId}.ndjson`), "a", 0o600);
    }
    await log.handle.write(text);
  }

  return {
    appendLog(runId, line) {
      const log = openLogs.get(runId) ?? { waiting: [], writing: Promise.resolve(), handle: undefined };
      openLogs.set(runId, log);
      log.waiting.push(`${JSON.stringify(line)}\n`);
      // A log that can't be written costs its lines and not the run; the audit is what must not be lost.
      if (log.waiting.length === 1) log.writing = log.writing.then(() => drain(runId, log)).catch(() => undefined);
    },
    async closeLog(runId) {
      const log = openLogs.get(runId);
      if (log === undefined) return;
      openLogs.delete(runId);
      await log.writing;
      await log.handle?.close().catch(() => undefined);
    },
    async logLines(runId) {
      const text = await readFile(join(logs, `${runId}.ndjson`), "utf8").catch(() => "");
      // A crash may have torn the last line.
      return text
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as LogLine);
    },
    async collect(runId, tree, files) {
      if (files.length === 0) return [];
      const target = join(outputs, runId);
      const unfinished = `${target}.unfinished`;
      await rm(unfinished, { recursive: true, force: true });
      const collected: Output[] = [];
      for (const file of files) {
        const path = file.names.slice(1).join("/"); // below /output
        const bytes = await tree.read(file, fileBytesMax);
        await mkdir(dirname(join(unfinished, path)), { recursive: true, mode: 0o700 });
        await writeFile(join(unfinished, path), bytes, { mode: 0o600, flag: "wx" });
        collected.push({ path, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") });
      }
      await rename(unfinished, target);
      return collected;
    },
    outputDirectory: (runId) => join(outputs, runId),
  };
}
