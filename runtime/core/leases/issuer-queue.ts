// Whose turn it is to be asked of at one issuer. Each issuer has a queue of its own, so that one that is dead delays no
// other's leases; and a bound on what is asked at once, so that ten thousand leases are no attack on it, nor on us.
//
//   run          a run's end waits for it: may use every place
//   operator     somebody asked for it: leaves some places to runs
//   background   tried again, or left by a dead process: half of the places; while the issuer is silent, one by one with
//                growing pauses, as a probe
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import { jitteredMs, pauseMsMax, wishedMs } from "./back-off.ts";
import type { Tried } from "./revocation.ts";

/** In the order of their turns. */
export const urgencies = ["run", "operator", "background"] as const;
export type Urgency = (typeof urgencies)[number];

/** Asked at once of one issuer: a small server's connections, and each is answered or given up within ten seconds. */
export const askedAtOnceMax: Readonly<Record<Urgency, number>> = { run: 16, operator: 12, background: 8 };
/** Answers that failed to come, in a row, before an issuer counts as silent: more than one run's tries. */
export const silentAfter = 5;
const firstProbeMs = 1_000;

export interface IssuerQueue<Entry> {
  push(entry: Entry, urgency: Urgency): void;
  /** Takes it out, when it waits for its turn. */
  remove(entry: Entry): boolean;
  /** What came of one that was begun. */
  done(urgency: Urgency, answer: Pick<Tried, "silent" | "retryAfterMs"> | undefined): void;
  /** The issuer gave no answer to the last several tries. */
  isSilent(): boolean;
  close(): void;
}

export function makeIssuerQueue<Entry>({
  clock,
  random,
  begin,
}: {
  clock: Clock;
  random: Random;
  begin: (entry: Entry, urgency: Urgency) => void;
}): IssuerQueue<Entry> {
  const waiting: Record<Urgency, Set<Entry>> = { run: new Set(), operator: new Set(), background: new Set() };
  const asking: Record<Urgency, number> = { run: 0, operator: 0, background: 0 };
  let silentInRow = 0;
  /** Background tries wait until then, by the monotonic clock. */
  let quietUntilMs = Number.NEGATIVE_INFINITY;
  let cancelTimer: (() => void) | undefined;
  let closed = false;

  const isSilent = () => silentInRow >= silentAfter;

  function hasPlace(urgency: Urgency): boolean {
    if (asking.run + asking.operator + asking.background >= askedAtOnceMax[urgency]) return false;
    if (urgency !== "background") return true;
    const quietMs = quietUntilMs - clock.monotonicMs();
    if (quietMs > 0) {
      cancelTimer ??= clock.setTimer(quietMs, () => {
        cancelTimer = undefined;
        pump();
      });
      return false;
    }
    return !isSilent() || asking.background === 0;
  }

  function pump(): void {
    for (const urgency of urgencies) {
      for (const entry of waiting[urgency]) {
        if (closed || !hasPlace(urgency)) break;
        waiting[urgency].delete(entry);
        asking[urgency] += 1;
        begin(entry, urgency);
      }
    }
  }

  return {
    push(entry, urgency) {
      waiting[urgency].add(entry);
      pump();
    },
    remove: (entry) => urgencies.some((urgency) => waiting[urgency].delete(entry)),
    done(urgency, answer) {
      asking[urgency] -= 1;
      if (answer !== undefined) {
        silentInRow = answer.silent ? silentInRow + 1 : 0;
        const probeMs = isSilent() ? jitteredMs(silentInRow - silentAfter + 1, firstProbeMs, pauseMsMax, random) : 0;
        const quietMs = Math.max(probeMs, wishedMs(answer.retryAfterMs));
        if (!answer.silent || quietMs > 0) quietUntilMs = clock.monotonicMs() + quietMs;
      }
      pump();
    },
    isSilent,
    close() {
      closed = true;
      cancelTimer?.();
    },
  };
}
