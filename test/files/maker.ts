// Somebody who makes files and directories in a directory, as fast as a thread can, up to a number of them.
import { once } from "node:events";
import { Worker } from "node:worker_threads";

export interface Maker {
  /** Files that were made. */
  count(): number;
  /** Resolves once so many were. */
  made(count: number): Promise<void>;
  stop(): Promise<void>;
}

const code = `
  const { mkdirSync, writeFileSync } = require("node:fs");
  const { workerData: { directory, most, state } } = require("node:worker_threads");
  for (let index = 0; Atomics.load(state, 0) === 0 && Atomics.load(state, 1) < most; index += 1) {
    try {
      if (index % 10 === 0) mkdirSync(directory + "/d" + index);
      writeFileSync(directory + "/" + (index % 10 === 0 ? "d" + index + "/" : "") + "f" + index, "x");
      Atomics.add(state, 1, 1);
      Atomics.notify(state, 1);
    } catch {} // the directory is not there, or no longer
  }
`;

/** @param directory may come and go. */
export async function startMaker(directory: string, most: number): Promise<Maker> {
  const state = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(code, { eval: true, workerData: { directory, most, state } });
  const exited = once(worker, "exit");
  await once(worker, "online");
  const count = () => Atomics.load(state, 1);
  return {
    count,
    async made(wanted) {
      for (let seen = count(); seen < wanted; seen = count()) {
        const waiting = Atomics.waitAsync(state, 1, seen);
        if (waiting.async) await waiting.value;
      }
    },
    async stop() {
      Atomics.store(state, 0, 1);
      await exited;
    },
  };
}
