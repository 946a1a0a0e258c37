// Recordings of runs in the state directory: `recordings/<run>.recording`, sealed in pieces, each for its run and place. One
// that is being written, or that its supervisor's death has left, ends in `.unfinished`; it is read as far as it goes.
import { constants, type FileHandle, mkdir, open, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { MayflyError, quote } from "../../model/error.ts";
import type { Recordings, RecordingWriter } from "../../ports/recordings.ts";
import type { SecretBox } from "../../ports/secret-box.ts";
import { makePieceSealer, openGrowing } from "../keys/sealed-pieces.ts";

export interface RecordingsParts {
  stateDirectory: string;
  box: SecretBox;
}

export function makeRecordings({ stateDirectory, box }: RecordingsParts): Recordings {
  const directory = join(stateDirectory, "recordings");
  const finalPath = (runId: string) => join(directory, `${runId}.recording`);
  const unfinishedPath = (runId: string) => join(directory, `${runId}.unfinished`);

  return {
    engine: `node ${process.versions.node}, V8 ${process.versions.v8}`,

    async create(runId) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      // A run that was accepted, and launched anew after a crash, begins its recording anew.
      const file = await open(unfinishedPath(runId), "w", 0o600);
      const finish = () => rename(unfinishedPath(runId), finalPath(runId));
      return makeWriter(file, makePieceSealer(box, purposeOf(runId)), finish);
    },

    async *read(runId) {
      const file = await openOne([finalPath(runId), unfinishedPath(runId)]);
      if (file === undefined) throw unknown(runId);
      try {
        const { size } = await file.stat();
        const read = async (at: number, count: number) => {
          const { bytesRead, buffer } = await file.read(Buffer.alloc(count), 0, count, at);
          return buffer.subarray(0, bytesRead);
        };
        return yield* openGrowing(box, purposeOf(runId), { read, bytes: size });
      } finally {
        await file.close();
      }
    },

    async size(runId) {
      for (const path of [finalPath(runId), unfinishedPath(runId)]) {
        const found = await stat(path).catch(() => undefined);
        if (found !== undefined) return found.size;
      }
      return undefined;
    },
  };
}

const purposeOf = (runId: string) => `recording ${runId}`;

// What a full disk has taken of a piece is no piece: nothing may come behind it.
function makeWriter(
  file: FileHandle,
  seal: ReturnType<typeof makePieceSealer>,
  finish: () => Promise<void>,
): RecordingWriter {
  let isBroken = false;

  async function append(bytes: Uint8Array, isLast: boolean): Promise<void> {
    if (isBroken) throw new Error("an earlier piece was not written");
    isBroken = true;
    await file.writeFile(Buffer.concat(await seal(bytes, isLast))); // goes on where the last one ended
    isBroken = false;
  }

  return {
    write: (bytes) => append(bytes, false),
    async close() {
      await append(new Uint8Array(0), true);
      await file.close();
      await finish();
    },
    abandon: () => file.close().catch(() => undefined),
  };
}

async function openOne(paths: readonly string[]): Promise<FileHandle | undefined> {
  for (const path of paths) {
    try {
      return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return undefined;
}

function unknown(runId: string): MayflyError {
  return new MayflyError({
    code: "recording_unknown",
    message: "the run was not recorded",
    found: `no recording of ${quote(runId)}`,
    needed: "a run of a job with record: true in the config",
    next: "add it, run the job again, and replay that run",
  });
}
