// Reads an executor's pipe frame by frame. What isn't wanted now stays in the pipe, where it costs its sender; and thousands
// of small calls in one chunk take more than one turn of the event loop, so that other runs have theirs in between.
import type { Readable } from "node:stream";
import type { Clock } from "../../ports/clock.ts";
import { upBodyBytesMax } from "../../protocol/channel.ts";
import { type Frame, FrameDecoder, FrameError } from "../../protocol/frame.ts";

/** After so long the rest waits for the next turn, ms. */
const turnMs = 20;
const noBytes = new Uint8Array(0);

export interface FrameReaderParts {
  pipe: Readable;
  clock: Clock;
  onFrame(frame: Frame): void;
  /** Once: what came is no sequence of frames. The reason names no byte of it. */
  onGarbage(reason: string): void;
  /** Told of the bytes that come. */
  passed?: ((bytes: number) => void) | undefined;
}

export interface FrameReader {
  /** Whether frames are taken in; they are, until it is said otherwise. */
  listen(wanted: boolean): void;
}

export function readFrames({ pipe, clock, onFrame, onGarbage, passed }: FrameReaderParts): FrameReader {
  const decoder = new FrameDecoder(upBodyBytesMax);
  let isWanted = true;
  let nextTurn: NodeJS.Immediate | undefined;
  /** Of the last chunk. The next one is asked for when nothing is left of it. */
  let unread: Uint8Array = noBytes;

  pipe.on("data", (chunk: Uint8Array) => {
    passed?.(chunk.length);
    unread = chunk;
    read();
  });

  function read(): void {
    nextTurn = undefined;
    const untilMs = clock.monotonicMs() + turnMs;
    while (unread.length > 0 && isWanted && nextTurn === undefined) {
      const frame = decode();
      if (frame !== undefined) onFrame(frame);
      if (clock.monotonicMs() > untilMs) nextTurn = setImmediate(read);
    }
    const isDue = isWanted && unread.length === 0;
    if (isDue === pipe.isPaused()) pipe[isDue ? "resume" : "pause"]();
  }

  function decode(): Frame | undefined {
    try {
      const { frame, rest } = decoder.next(unread);
      unread = rest;
      return frame;
    } catch (error) {
      unread = noBytes;
      onGarbage(error instanceof FrameError ? error.message : "unreadable");
      return undefined;
    }
  }

  return {
    listen(wanted) {
      isWanted = wanted;
      if (nextTurn === undefined) read();
    },
  };
}
