// Turns for a run's requests: so many under way, so many waiting, and a bound on the bodies that the waiting ones hold.
// A ticket is `reserved` by the decision, `active` from its turn on, and `released` at its end; a call that is given up
// before its turn releases its ticket itself.
import { Failed } from "./capability.ts";

export interface QueueLimits {
  atOnce: number;
  waitingMax: number;
  /** Sum of the bodies of all tickets, bytes. */
  bodyBytesMax: number;
}

export interface Ticket {
  /** Resolves when the request may start. Rejects with Failed `aborted`. */
  turn(): Promise<void>;
  /** May be called more than once. */
  release(): void;
}

export interface RequestQueue {
  /** undefined when the queue is full. */
  reserve(bodyBytes: number, signal: AbortSignal): Ticket | undefined;
}

export function makeRequestQueue({ atOnce, waitingMax, bodyBytesMax }: QueueLimits): RequestQueue {
  let tickets = 0;
  let active = 0;
  let heldBytes = 0;
  const waiting: (() => void)[] = [];

  function leave(wasActive: boolean, bodyBytes: number): void {
    tickets -= 1;
    heldBytes -= bodyBytes;
    if (!wasActive) return;
    active -= 1;
    waiting.shift()?.();
  }

  function reserve(bodyBytes: number, signal: AbortSignal): Ticket | undefined {
    // One body alone always fits: its own limit bounds it.
    if (tickets >= atOnce + waitingMax || (tickets > 0 && heldBytes + bodyBytes > bodyBytesMax)) return undefined;
    tickets += 1;
    heldBytes += bodyBytes;
    let state: "reserved" | "active" | "released" = "reserved";
    let giveUp = () => release();
    const onAbort = () => {
      if (state === "reserved") giveUp();
    };

    function release(): void {
      if (state === "released") return;
      signal.removeEventListener("abort", onAbort);
      const wasActive = state === "active";
      state = "released";
      leave(wasActive, bodyBytes);
    }

    function turn(): Promise<void> {
      return new Promise((resolve, reject) => {
        if (signal.aborted || state !== "reserved") return reject(aborted());
        const start = () => {
          state = "active";
          active += 1;
          resolve();
        };
        if (active < atOnce) return start();
        waiting.push(start);
        giveUp = () => {
          waiting.splice(waiting.indexOf(start), 1);
          release();
          reject(aborted());
        };
      });
    }

    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) release();
    return { turn, release };
  }

  return { reserve };
}

function aborted(): Failed {
  return new Failed("aborted", "the request was given up");
}
