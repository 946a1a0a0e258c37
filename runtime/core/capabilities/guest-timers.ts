// The timers of a guest whose time is the supervisor's and real: it stands still while the guest computes, and moves with
// each answer. So all that a job can learn of time goes through the gate, and a recording has it.
import type { Clock } from "../../ports/clock.ts";
import type { HostTimers } from "./gate.ts";

/** Waiting at once: what the guest itself keeps to (guest/timers.ts). Beyond it a timer is never due. */
export const guestTimersMax = 10_000;

export interface GuestTimers extends HostTimers {
  /** None is due any more. */
  end(): void;
}

export function makeGuestTimers(clock: Clock): GuestTimers {
  const waiting = new Map<number, () => void>();
  let hasEnded = false;

  function clear(timer: number): void {
    waiting.get(timer)?.();
    waiting.delete(timer);
  }

  return {
    nowMs: () => clock.nowMs(),
    set(timer, delayMs) {
      const { promise, resolve } = Promise.withResolvers<void>();
      clear(timer);
      if (hasEnded || waiting.size >= guestTimersMax) return promise;
      const due = () => {
        waiting.delete(timer);
        resolve();
      };
      waiting.set(timer, clock.setTimer(delayMs, due));
      return promise;
    },
    clear,
    end() {
      hasEnded = true;
      for (const cancel of waiting.values()) cancel();
      waiting.clear();
    },
  };
}
