// The thread of swapper.ts: swaps each place in turn, until it is told otherwise.
import { renameSync } from "node:fs";
import { workerData } from "node:worker_threads";
import { cells, orders, type Place } from "./swapper.ts";

const { places, state } = workerData as { places: readonly Place[]; state: Int32Array };

function renamed(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch {
    return false; // it is not there, or no longer: whoever works on it may have removed it
  }
}

function swap({ real, trap, spare }: Place): void {
  const there = renamed(real, spare) && renamed(trap, real);
  if (there) Atomics.add(state, cells.swaps, 1);
  const back = renamed(real, trap);
  if (renamed(spare, real) && there && back) Atomics.add(state, cells.swaps, 1);
}

for (;;) {
  const order = Atomics.load(state, cells.order);
  if (Atomics.exchange(state, cells.answer, order) !== order) Atomics.notify(state, cells.answer);
  if (order === orders.stop) break;
  if (order === orders.pause) Atomics.wait(state, cells.order, orders.pause);
  else for (const place of places) swap(place);
}
