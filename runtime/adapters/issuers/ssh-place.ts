// Where the sockets of our agents lie: a directory of this process's own in the state directory, 0700, whose name says whose
// it is. What a process that died has left in its own (a dead socket, a known host, a log line: no secret) is removed by
// the next one.
import { mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { MayflyError } from "../../model/error.ts";
import { hex } from "../../model/ids.ts";
import type { Random } from "../../ports/random.ts";
import { isRunning, readStat } from "../system/proc.ts";

/** Of sun_path (unix(7)), without its closing zero. */
const socketPathBytesMax = 107;

export interface Place {
  /** Absolute. */
  path: string;
  /** A name in it that nothing has yet. */
  newName(): string;
  /** Removed when empty. */
  close(): void;
}

/**
 * @param directory of all processes' places; 0700.
 * @throws MayflyError `state_directory` when a socket's path would be too long.
 */
export function openPlace(directory: string, random: Random): Place {
  for (const name of readdirSync(directory)) if (isLeft(name)) rmSync(join(directory, name), { recursive: true });
  const startTicks = readStat(process.pid)?.startTicks ?? 0;
  const path = join(directory, `${process.pid.toString(36)}-${startTicks.toString(36)}`);
  const newName = () => hex(random.bytes(4));
  const bytes = Buffer.byteLength(join(path, newName()));
  if (bytes > socketPathBytesMax) throw tooLong(directory, bytes);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return {
    path,
    newName,
    close() {
      try {
        rmdirSync(path);
      } catch {
        // another issuer of this process is still at work in it
      }
    },
  };
}

function isLeft(name: string): boolean {
  const [pid, startTicks] = name.split("-").map((text) => Number.parseInt(text, 36));
  return pid !== undefined && startTicks !== undefined && !isRunning(pid, startTicks);
}

function tooLong(directory: string, bytes: number): MayflyError {
  return new MayflyError({
    code: "state_directory",
    message: "the state directory's path is too long for a socket in it",
    found: `${bytes} bytes, below ${directory}`,
    needed: `at most ${socketPathBytesMax} bytes (unix(7))`,
    next: 'name a directory with a shorter path: `state: "…"` in sandbox.config.ts',
  });
}
