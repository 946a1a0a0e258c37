// Chance that can be had again: the same seed, the same choices.
import { createServer } from "node:net";

export interface SeededRandom {
  /** A whole number from 0 to `end` - 1. */
  below(end: number): number;
}

/** mulberry32, of the public domain: 32 bits of state are plenty for choosing when to kill. */
export function makeRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  return {
    below(end) {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * end);
    },
  };
}

/** A port on loopback that nobody listened on a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
