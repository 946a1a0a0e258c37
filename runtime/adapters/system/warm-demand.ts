// How many executors of one class to keep ready: as many as were taken within the time that making some takes, at the most
// so far, for as long as that may come again. A burst finds what the burst before it needed.
import type { Clock } from "../../ports/clock.ts";

export interface WarmDemand {
  /** One was taken. */
  note(): void;
  /** Between `least` and `most`. */
  wanted(): number;
}

/** Takes within this are one burst, ms: two executors are made meanwhile on a small machine. */
const burstMs = 250;
/** A burst is expected again for this long, ms: what comes every minute is met. */
const expectedForMs = 120_000;

export function makeWarmDemand({ least, most, clock }: { least: number; most: number; clock: Clock }): WarmDemand {
  let recent: number[] = [];
  /** Larger bursts before smaller ones, and each later than the one before it. */
  let bursts: { size: number; atMs: number }[] = [];

  return {
    note() {
      const nowMs = clock.monotonicMs();
      recent = [...recent.filter((atMs) => nowMs - atMs < burstMs), nowMs].slice(-most);
      bursts = [...bursts.filter(({ size }) => size > recent.length), { size: recent.length, atMs: nowMs }];
    },
    wanted() {
      const nowMs = clock.monotonicMs();
      bursts = bursts.filter(({ atMs }) => nowMs - atMs < expectedForMs);
      return Math.min(most, Math.max(least, bursts[0]?.size ?? 0));
    },
  };
}
