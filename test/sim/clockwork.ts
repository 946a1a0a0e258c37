// The one thread of a simulated installation. Everything that takes time (a timer, a disk, a wire, a job) is an event with
// a time; the earliest one happens, and all that comes of it without time, before the next. What is chosen is chosen by one
// seed, so that a history can be had again.
import type { Clock } from "../../runtime/ports/clock.ts";
import type { Random } from "../../runtime/ports/random.ts";
import { makeRandom } from "../crash/random.ts";

/** A process of the installation, as the simulation sees it. What it has in memory is gone when it is not alive. */
export interface Machine {
  readonly id: string;
  alive: boolean;
  /** Stopped (SIGSTOP) until then: what is due meanwhile happens after it. */
  stalledUntilMs: number;
  /** What its wall clock is off by. */
  stepMs: number;
}

export interface Clockwork {
  /** True time since the beginning, ms. */
  now(): number;
  /** `act` happens after `delayMs`, unless its machine is gone by then; the returned function cancels. */
  after(delayMs: number, machine: Machine | null, act: () => void): () => void;
  /** Time stands still while `real` work (a write to a real file) is under way; resolves, or rejects, as that does. */
  hold<T>(real: Promise<T>): Promise<T>;
  /** The next event and all that comes of it; false when there is none before `untilMs`. */
  step(untilMs: number): Promise<boolean>;
  clockOf(machine: Machine): Clock;
  randomOf(): Random;
  chance(probability: number): boolean;
  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number;
  pick<T>(list: readonly T[]): T;
  readonly steps: number;
}

interface Event {
  at: number;
  nth: number;
  machine: Machine | null;
  act: () => void;
  cancelled: boolean;
}

/** Wall time at the beginning. */
const epochMs = 1_800_000_000_000;

export function makeClockwork(seed: number): Clockwork {
  const random = makeRandom(seed);
  const events = makeHeap();
  let nowMs = 0;
  let nth = 0;
  let steps = 0;
  const underWay = new Set<Promise<unknown>>();
  const fraction = () => random.below(2 ** 30) / 2 ** 30;
  const between = (from: number, to: number) => from + random.below(to - from + 1);

  function after(delayMs: number, machine: Machine | null, act: () => void): () => void {
    nth += 1;
    const event = { at: nowMs + Math.max(0, delayMs), nth, machine, act, cancelled: false };
    events.push(event);
    return () => {
      event.cancelled = true;
    };
  }

  function hold<T>(real: Promise<T>): Promise<T> {
    underWay.add(real);
    const done = () => void underWay.delete(real);
    real.then(done, done);
    return real;
  }

  async function settle(): Promise<void> {
    do {
      await Promise.allSettled(underWay);
      await new Promise((resolve) => setImmediate(resolve)); // behind all microtasks and ticks
    } while (underWay.size > 0);
  }

  async function step(untilMs: number): Promise<boolean> {
    for (let event = events.first(); event !== undefined && event.at <= untilMs; event = events.first()) {
      events.pop();
      if (event.cancelled || event.machine?.alive === false) continue;
      const stalledUntilMs = event.machine?.stalledUntilMs ?? 0;
      if (stalledUntilMs > Math.max(nowMs, event.at)) {
        event.at = stalledUntilMs;
        events.push(event);
        continue;
      }
      nowMs = Math.max(nowMs, event.at);
      steps += 1;
      event.act();
      await settle();
      return true;
    }
    nowMs = Math.max(nowMs, untilMs);
    return false;
  }

  return {
    now: () => nowMs,
    after,
    hold,
    step,
    clockOf: (machine) => ({
      nowMs: () => epochMs + nowMs + machine.stepMs,
      monotonicMs: () => nowMs,
      setTimer: (delayMs, call) => after(delayMs, machine, call),
    }),
    randomOf: () => ({ bytes: (count) => Uint8Array.from({ length: count }, () => random.below(256)) }),
    chance: (probability) => fraction() < probability,
    between,
    pick: (list) => list[random.below(list.length)] as never,
    get steps() {
      return steps;
    },
  };
}

/** Wall time of an issuer whose clock is off by `skewMs`. */
export function wallTime(work: Clockwork, skewMs = 0): number {
  return epochMs + work.now() + skewMs;
}

// The earliest first, and of equals the one that was there first.
function makeHeap(): { push(event: Event): void; first(): Event | undefined; pop(): void } {
  const heap: Event[] = [];
  const isBefore = (a: Event, b: Event) => a.at < b.at || (a.at === b.at && a.nth < b.nth);
  const at = (index: number) => heap[index] as Event;
  const swap = (a: number, b: number) => {
    [heap[a], heap[b]] = [at(b), at(a)];
  };
  return {
    first: () => heap[0],
    push(event) {
      heap.push(event);
      for (let child = heap.length - 1; child > 0; ) {
        const parent = (child - 1) >> 1;
        if (!isBefore(at(child), at(parent))) return;
        swap(child, parent);
        child = parent;
      }
    },
    pop() {
      const last = heap.pop();
      if (last === undefined || heap.length === 0) return;
      heap[0] = last;
      for (let parent = 0; ; ) {
        const [left, right] = [2 * parent + 1, 2 * parent + 2];
        let least = parent;
        if (left < heap.length && isBefore(at(left), at(least))) least = left;
        if (right < heap.length && isBefore(at(right), at(least))) least = right;
        if (least === parent) return;
        swap(parent, least);
        parent = least;
      }
    },
  };
}
