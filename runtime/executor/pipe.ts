// The executor's one pipe, a socket pair's end that blocks. It is read on a thread of libuv's pool, one read at a time:
// `node:net` would cost every executor 3 ms of its start. What that asks for: while a read waits, Node's own way out waits
// for it too (it joins the pool's threads), so whoever must end at once, end of the pipe apart, goes by `endNow`.
import { read, writeSync } from "node:fs";

const PIPE_FD = 3;
const pause = new Int32Array(new SharedArrayBuffer(4));
const pipeFullPauseMs = 1;

/** @param take is given one and the same buffer for all that is read: 64 KiB of garbage a read would count as the job's memory. */
export function readPipe(take: (chunk: Uint8Array) => void, ended: () => void): void {
  const buffer = new Uint8Array(65_536);
  const next = () =>
    read(PIPE_FD, buffer, 0, buffer.length, null, (error, count) => {
      if (error !== null || count === 0) {
        ended();
        return;
      }
      take(buffer.subarray(0, count));
      next();
    });
  next();
}

/** At once and to the end: what the job said before an endless loop must get out, and a job that floods must wait. */
export function writePipe(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(PIPE_FD, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(pause, 0, 0, pipeFullPauseMs);
    }
  }
}

/** While the pipe is being read, which `exit` would wait for. */
export function endNow(): never {
  process.abort();
}

/** What nobody has caught ends the process as Node's own way would, and at once. */
export function endOnError(): void {
  process.on("uncaughtException", (error) => {
    writeSync(2, `${error.stack ?? error}\n`);
    endNow();
  });
}
