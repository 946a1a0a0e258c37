// Somebody who swaps files and directories for links and back, as fast as a thread can, while others work on them.
import { Worker } from "node:worker_threads";
import type { Test } from "tap";

/** Host paths: the real thing, the link that takes its place, and where the real thing waits meanwhile. */
export interface Place {
  real: string;
  trap: string;
  spare: string;
}

export interface Swapper {
  /** Times that a link took a real thing's place, or gave it back. */
  swaps(): number;
  /** Resolves once it has let go of all names, each where it happens to be. */
  pause(): Promise<void>;
  resume(): void;
  /** Ends the thread; the end of the test does too. */
  stop(): Promise<void>;
}

/** What main thread and swapper share: an order, an answer and a count. */
export const cells = { order: 0, answer: 1, swaps: 2 } as const;
export const orders = { pause: 0, swap: 1, stop: 2 } as const;

export function placeAt(path: string): Place {
  return { real: path, trap: `${path}.trap`, spare: `${path}.spare` };
}

/** Ends with the test. Names that aren't there are waited for. */
export async function startSwapper(t: Test, places: readonly Place[]): Promise<Swapper> {
  const state = new Int32Array(new SharedArrayBuffer(12));
  const worker = new Worker(new URL("./swapper-thread.ts", import.meta.url), { workerData: { places, state } });
  const exited = new Promise<void>((resolve, reject) => {
    worker.once("error", reject);
    worker.once("exit", () => resolve());
  });
  const order = (value: number) => {
    Atomics.store(state, cells.order, value);
    Atomics.notify(state, cells.order);
  };
  const stop = () => {
    order(orders.stop);
    return exited;
  };
  t.teardown(stop);

  /** The thread answers with the order that it has come to. */
  async function until(answer: number): Promise<void> {
    for (let seen = Atomics.load(state, cells.answer); seen !== answer; seen = Atomics.load(state, cells.answer)) {
      const waiting = Atomics.waitAsync(state, cells.answer, seen);
      if (waiting.async) await waiting.value;
    }
  }

  order(orders.swap);
  await until(orders.swap);
  return {
    swaps: () => Atomics.load(state, cells.swaps),
    async pause() {
      order(orders.pause);
      await until(orders.pause);
    },
    resume: () => order(orders.swap),
    stop,
  };
}
