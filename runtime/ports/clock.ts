// Time as the core sees it. `nowMs` may step; durations and deadlines are measured with `monotonicMs`.
import type { EpochMs } from "../model/units.ts";

export interface Clock {
  nowMs(): EpochMs;
  /** Milliseconds from an arbitrary start, never going back. */
  monotonicMs(): number;
  /** Calls once after `delayMs`; the returned function cancels. */
  setTimer(delayMs: number, call: () => void): () => void;
}
