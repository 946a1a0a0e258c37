// Bytes on their way from a source that can be told to wait to a reader that takes its time: the one buffer of a streamed
// body. It holds little more than `highWaterBytes`, gives what it has in pieces of at most `pieceBytesMax`, and ends with
// `close` or `fail`; a reader that leaves early is told of by `onLeft`.
// States: open → closed (what is held is still given) · failed (what is held is dropped) · left.

export interface PieceQueueParts {
  highWaterBytes: number;
  pieceBytesMax: number;
  /** There is room again after `push` has returned false. */
  onRoom(): void;
  /** The reader wants no more. */
  onLeft(): void;
}

export interface PieceQueue extends AsyncIterable<Uint8Array> {
  /** Keeps `piece`, which nobody may change any more. False: push no more until `onRoom`. */
  push(piece: Uint8Array): boolean;
  close(): void;
  fail(error: Error): void;
}

export function makePieceQueue({ highWaterBytes, pieceBytesMax, onRoom, onLeft }: PieceQueueParts): PieceQueue {
  const pieces: Uint8Array[] = [];
  let heldBytes = 0;
  let isFull = false;
  let state: "open" | "closed" | "left" | Error = "open";
  let wake: (() => void) | undefined;

  function push(piece: Uint8Array): boolean {
    if (state !== "open" || piece.length === 0) return true;
    pieces.push(piece);
    heldBytes += piece.length;
    isFull = heldBytes >= highWaterBytes;
    wake?.();
    return !isFull;
  }

  function end(next: "closed" | "left" | Error): void {
    if (state !== "open" && !(next instanceof Error && state === "closed")) return;
    state = next;
    if (next !== "closed") {
      pieces.length = 0;
      heldBytes = 0;
    }
    wake?.();
  }

  // As it came, cut where it is too large: joining would copy every byte once more.
  function take(): Uint8Array {
    const first = pieces[0] as Uint8Array;
    const piece = first.subarray(0, pieceBytesMax);
    if (piece.length === first.length) pieces.shift();
    else pieces[0] = first.subarray(pieceBytesMax);
    heldBytes -= piece.length;
    if (isFull && heldBytes < highWaterBytes) {
      isFull = false;
      onRoom();
    }
    return piece;
  }

  async function next(): Promise<IteratorResult<Uint8Array, undefined>> {
    while (state === "open" && heldBytes === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      wake = undefined;
    }
    if (state instanceof Error) throw state;
    return heldBytes > 0 ? { done: false, value: take() } : { done: true, value: undefined };
  }

  function leave(): void {
    if (state === "left" || state instanceof Error || (state === "closed" && heldBytes === 0)) return;
    end("left");
    onLeft();
  }

  return {
    push,
    close: () => end("closed"),
    fail: end,
    [Symbol.asyncIterator]: () => ({
      next,
      return: async () => {
        leave();
        return { done: true, value: undefined };
      },
    }),
  };
}
