// A clock that a test moves: the job's `Date` and timers follow it. What bounds the run from outside (deadline, CPU
// time) stays on real time, so that a test can't hang.
import type { HostTimers } from "../core/capabilities/gate.ts";

export interface ManualClock {
  nowMs(): number;
  /** Moves time on by `ms` and fires what becomes due, in order. */
  advance(ms: number): void;
  /** Timers that wait. */
  readonly waiting: number;
  /** For the runtime. */
  readonly timers: HostTimers;
}

interface Entry {
  timer: number;
  dueMs: number;
  fire(): void;
}

/**
 * @param startsAt ISO 8601, with zone.
 * @param options.autoAdvance true (default): a job that only waits for a timer doesn't wait: time jumps to it.
 */
export function manualClock(startsAt: string, { autoAdvance = true } = {}): ManualClock {
  let nowMs = Date.parse(startsAt);
  if (Number.isNaN(nowMs))
    throw new RangeError(`manualClock needs an ISO 8601 time, found ${JSON.stringify(startsAt)}`);
  let entries: Entry[] = [];

  function fireNext(untilMs: number): boolean {
    const next = entries.filter((entry) => entry.dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
    if (next === undefined) return false;
    entries = entries.filter((entry) => entry !== next);
    nowMs = Math.max(nowMs, next.dueMs);
    next.fire();
    return true;
  }

  return {
    nowMs: () => nowMs,
    advance(ms) {
      const untilMs = nowMs + ms;
      while (fireNext(untilMs));
      nowMs = untilMs;
    },
    get waiting() {
      return entries.length;
    },
    timers: {
      nowMs: () => nowMs,
      set(timer, delayMs) {
        const { promise, resolve } = Promise.withResolvers<void>();
        entries.push({ timer, dueMs: nowMs + delayMs, fire: resolve });
        // After what the job sent along with it, so that timers set in one go fire by their times.
        if (autoAdvance) setImmediate(() => fireNext(Number.POSITIVE_INFINITY));
        return promise;
      },
      clear(timer) {
        entries = entries.filter((entry) => entry.timer !== timer);
      },
    },
  };
}
