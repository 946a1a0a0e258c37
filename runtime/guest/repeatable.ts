// What is set up before a job's code is there, when its time or its chance are not its own: in the test kit, and in runs
// that can be repeated. The bundle's own top level runs under it too.
import { installClock } from "./clock.ts";
import { tell, traceCalls } from "./mailbox.ts";
import { useHostTimers } from "./timers.ts";

export interface Preparation {
  /** The guest's time, ms since the epoch. */
  nowMs: number;
  /** Random bytes come from a seed: then Math.random is made of them too. */
  seeded: boolean;
  /** Calls say where they were made. */
  traced: boolean;
}

export function prepare({ nowMs, seeded, traced }: Preparation): void {
  installClock(nowMs);
  useHostTimers();
  if (seeded) installRandom();
  if (traced) traceCalls();
}

/** For 128 numbers, which take 7 bytes each: a call out of the isolate costs more than the bytes. */
const poolBytes = 896;
const numberBytes = 7;

// 53 bits, as V8's own has them.
function installRandom(): void {
  let pool = "";
  let at = 0;
  const value = {
    random(): number {
      if (at >= pool.length) {
        pool = tell("random", String(poolBytes)) ?? "";
        at = 0;
      }
      let bits = pool.charCodeAt(at) & 0x1f;
      for (let index = 1; index < numberBytes; index += 1) bits = bits * 256 + pool.charCodeAt(at + index);
      at += numberBytes;
      return bits / 2 ** 53;
    },
  }.random;
  Object.defineProperty(Math, "random", { value, writable: true, configurable: true });
}
