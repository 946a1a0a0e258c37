// Log lines and output files of runs, in the state directory: `logs/<run>.ndjson` and `outputs/<run>/…`. Files appear
// under their final name once they are complete. Output files are sealed, each for its run and path; what a reader gets is
// compared with the record's digest.
//
// Logs are not sealed: they are what explains a failure, also that of a key service, and are read while they grow and after
// a crash has torn them. Leased secrets are kept out of them by the leak guard.
import { createHash } from "node:crypto";
import { constants, type FileHandle, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MayflyError, quote } from "../../model/error.ts";
import type { Output } from "../../model/run.ts";
import type { LogLine, RunArchive } from "../../ports/run-archive.ts";
import type { SecretBox } from "../../ports/secret-box.ts";
import { openPieces, sealPieces } from "../keys/sealed-pieces.ts";

interface OpenLog {
  waiting: string[];
  /** Ends with the writing of all that was appended before. */
  writing: Promise<void>;
  handle: FileHandle | undefined;
}

/** Plain files of earlier versions are read in such pieces. */
const pieceBytes = 1_048_576;

export interface RunArchiveParts {
  stateDirectory: string;
  fileBytesMax: number;
  box: SecretBox;
}

export function makeRunArchive({ stateDirectory, fileBytesMax, box }: RunArchiveParts): RunArchive {
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

  async function* readOutput(runId: string, { path, bytes, sha256 }: Output): AsyncGenerator<Uint8Array> {
    const file = await open(join(outputs, runId, path), constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const { size } = await file.stat();
      const read = async (at: number, count: number) => {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(count), 0, count, at);
        return buffer.subarray(0, bytesRead);
      };
      const pieces = (await openPieces(box, purposeOf(runId, path), { read, bytes: size })) ?? plainPieces(read);
      const hash = createHash("sha256");
      let length = 0;
      for await (const piece of pieces) {
        hash.update(piece);
        length += piece.length;
        yield piece;
      }
      if (length !== bytes || hash.digest("hex") !== sha256) throw notAsCollected(path);
    } finally {
      await file.close();
    }
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
        await writeNew(join(unfinished, path), sealPieces(box, purposeOf(runId, path), bytes));
        collected.push({ path, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") });
      }
      await rename(unfinished, target);
      return collected;
    },
    readOutput,
    async saveOutputs(runId, files, directory) {
      await mkdir(directory, { mode: 0o700 });
      for (const file of files) {
        const path = join(directory, file.path);
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await writeNew(path, readOutput(runId, file));
      }
    },
    outputDirectory: (runId) => join(outputs, runId),
  };
}

const purposeOf = (runId: string, path: string) => `output ${runId} ${path}`;

async function* plainPieces(read: (at: number, bytes: number) => Promise<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (let at = 0; ; ) {
    const piece = await read(at, pieceBytes);
    if (piece.length === 0) return;
    yield piece;
    at += piece.length;
  }
}

async function writeNew(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    for await (const piece of pieces) await file.writeFile(piece); // each goes on where the last one ended
  } finally {
    await file.close();
  }
}

function notAsCollected(path: string): MayflyError {
  return new MayflyError({
    code: "sealed_invalid",
    message: `the output ${quote(path)} is not what the run had written`,
    found: "another size or digest than in the run's record",
    needed: "the file as it was collected",
    next: "restore the file from a backup; what was read of it is not to be trusted",
  });
}
