// The time of one request, over all its hops and until the last byte of its answer, however slowly that is taken. It
// runs from the decision on, stands still while the request waits for its turn (the run's own time bounds that), and
// ends the request through one signal, whose reason is the Failed that the job gets.
// States: running ⇄ paused → ended · aborted (Failed `net_timeout`, `aborted`).
import type { Clock } from "../../ports/clock.ts";
import { Failed } from "./capability.ts";

export interface DeadlineParts {
  clock: Clock;
  /** ms. */
  totalMs: number;
  /** The call's: aborted when the job gives it up and when the run ends. */
  outer: AbortSignal;
  /** What the job is told. */
  text(code: "net_timeout" | "aborted"): string;
}

export interface Deadline {
  readonly signal: AbortSignal;
  /** ms. */
  remainingMs(): number;
  pause(): void;
  resume(): void;
  /** The request is over; may be called more than once. */
  end(): void;
  /** Runs `work`; whatever it rejects with once the time is up, the reason is that the time is up. */
  within<T>(work: () => Promise<T>): Promise<T>;
}

export function makeDeadline({ clock, totalMs, outer, text }: DeadlineParts): Deadline {
  const controller = new AbortController();
  const { signal } = controller;
  let leftMs = totalMs;
  let sinceMs = 0;
  let cancel: (() => void) | undefined;

  const stop = (code: "net_timeout" | "aborted") => {
    pause();
    controller.abort(new Failed(code, text(code)));
  };
  const onAbort = () => stop("aborted");

  function remainingMs(): number {
    return cancel === undefined ? leftMs : leftMs - (clock.monotonicMs() - sinceMs);
  }

  function pause(): void {
    leftMs = remainingMs();
    cancel?.();
    cancel = undefined;
  }

  function resume(): void {
    if (signal.aborted || cancel !== undefined) return;
    sinceMs = clock.monotonicMs();
    if (leftMs <= 0) stop("net_timeout");
    else cancel = clock.setTimer(leftMs, () => stop("net_timeout"));
  }

  function end(): void {
    pause();
    outer.removeEventListener("abort", onAbort);
  }

  async function within<T>(work: () => Promise<T>): Promise<T> {
    if (remainingMs() <= 0 && !signal.aborted) stop("net_timeout");
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    }
  }

  outer.addEventListener("abort", onAbort, { once: true });
  if (outer.aborted) onAbort();
  else resume();
  return { signal, remainingMs, pause, resume, end, within };
}
