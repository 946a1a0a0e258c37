// The machine's clock: the only place where the supervisor reads the time.
import type { Clock } from "../../ports/clock.ts";

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer: (delayMs, call) => {
    const timer = setTimeout(call, Math.min(delayMs, 2_147_483_647));
    return () => clearTimeout(timer);
  },
};
