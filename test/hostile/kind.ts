// What a kind of hostile job is: a body that stays as it is, parameters out of a seed, small limits, and every ending that
// would be the truth about it.
import type { SeededRandom } from "../crash/random.ts";
import type { JobUnderTest } from "../support/runs.ts";

/** `ok`, an error code of the run record, or `killed`. */
export type EndCode = string;

export interface Kind {
  name: string;
  /** Body of an async function with the job's context as `c`; its parameters are `c.input`. */
  body: string;
  /** Endings that would be true. `timeout` is one for every kind, where the run's wall time has really passed. */
  endsBy: readonly EndCode[];
  /** JSON value for `c.input`. */
  input?(random: SeededRandom): unknown;
  /** Wall time, ms; else `wallMs` below. */
  wallMs?: number;
  job?: JobUnderTest;
  /** Ms after the launch at which the run is killed. */
  killAfterMs?(random: SeededRandom): number;
}

const MiB = 1_048_576;

/** Enough for what ends by another limit; kinds that only burn time have less. */
export const wallMs = 1_000;

/** Small, so that thousands end in minutes. One class of executor for all. */
export const hostileLimits = {
  wallMs,
  cpuMs: 1_500,
  memoryBytes: 24 * MiB,
  logBytes: 8_192,
  resultBytes: 65_536,
  calls: 400,
  requests: 50,
  requestsAtOnce: 4,
  requestMs: 300,
  requestBodyBytes: 1 * MiB,
  responseBodyBytes: 1 * MiB,
} as const;

export const hostileQuota = { bytes: 1 * MiB, entries: 30, depth: 8 };

export function pick<T>(random: SeededRandom, items: readonly T[]): T {
  const item = items[random.below(items.length)];
  if (item === undefined) throw new RangeError("nothing to pick from");
  return item;
}
