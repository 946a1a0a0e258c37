// Bodies that follow a call or its answer, with back-pressure: neither side sends what the other has no room for. Down,
// a window: so many bytes of an answer are under way until the guest gives credit for what it has consumed. Up, a pull:
// the guest is asked for one piece at a time, and only when the far server has taken the one before. So what a run
// makes the supervisor hold is one window and one piece a call, whatever the guest does.
import { windowBytes } from "../../protocol/bridge.ts";
import { Failed } from "./capability.ts";

export interface Window {
  /** Resolves when something may be sent. Rejects with Failed `aborted`. */
  open(): Promise<void>;
  sent(bytes: number): void;
  /** The guest has consumed so much. Giving more than was sent gains it nothing. */
  credit(bytes: number): void;
}

export function makeWindow(signal: AbortSignal): Window {
  let roomBytes = windowBytes;
  let wake: (() => void) | undefined;
  signal.addEventListener("abort", () => wake?.(), { once: true });

  async function open(): Promise<void> {
    while (roomBytes <= 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (signal.aborted) throw aborted();
  }

  return {
    open,
    sent(bytes) {
      roomBytes -= bytes;
    },
    credit(bytes) {
      roomBytes = Math.min(windowBytes, roomBytes + bytes);
      wake?.();
    },
  };
}

export interface Upload {
  /** The bytes from their start; a second time only with `again`. Rejects with Failed `aborted`. */
  pieces(again: boolean): AsyncGenerator<Uint8Array, void, void>;
  /** A piece from the guest. False: nobody has asked for it. */
  give(seq: number, piece: Uint8Array, last: boolean): boolean;
}

interface Piece {
  bytes: Uint8Array;
  last: boolean;
}

/** @param ask sends a `pull` frame. */
export function makeUpload(ask: (seq: number, again: boolean) => void, signal: AbortSignal): Upload {
  let seq = 0;
  let isAsked = false;
  let waiting: PromiseWithResolvers<Piece> | undefined;
  signal.addEventListener("abort", () => waiting?.reject(aborted()), { once: true });

  function next(again: boolean): Promise<Piece> {
    if (signal.aborted) return Promise.reject(aborted());
    seq += 1;
    isAsked = true;
    waiting = Promise.withResolvers<Piece>();
    ask(seq, again);
    return waiting.promise;
  }

  async function* pieces(again: boolean): AsyncGenerator<Uint8Array, void, void> {
    for (let first = true; ; first = false) {
      const piece = await next(first && again);
      if (piece.bytes.length > 0) yield piece.bytes;
      if (piece.last) return;
    }
  }

  return {
    pieces,
    give(given, bytes, last) {
      // The answer to a pull that a later one has overtaken: a redirect came while the body was still going out.
      if (given < seq && given > 0) return true;
      if (!isAsked || given !== seq) return false;
      isAsked = false;
      waiting?.resolve({ bytes, last });
      return true;
    },
  };
}

function aborted(): Failed {
  return new Failed("aborted", "the request was given up");
}
