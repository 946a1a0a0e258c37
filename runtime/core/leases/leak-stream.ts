// A stream of bytes without the credential: each match is replaced by a marker, wherever writes cut it. Held back is only
// what may be the beginning of a match; in memory, a window of what has gone out, so that its continuation is known.
import type { LeakForm } from "./leak-forms.ts";
import type { Scanner } from "./leak-scanner.ts";

export interface LeakStream {
  /** What can go out now. */
  push(piece: Uint8Array): Uint8Array;
  /** The rest. */
  end(): Uint8Array;
}

/** @param onFound called before the marker is returned. */
export function makeLeakStream(
  scanner: Scanner,
  marker: Uint8Array,
  onFound: (form: LeakForm) => void = () => {},
): LeakStream {
  let bytes: Uint8Array = new Uint8Array(0);
  /** Of `bytes`: gone out, or replaced. */
  let out = 0;
  /** End of the last match, so that what continues it gets no marker of its own. */
  let matched = -1;
  let held = 0;

  function push(piece: Uint8Array): Uint8Array {
    if (piece.length === 0) return piece;
    const looked = bytes.length;
    bytes = looked === 0 ? piece : Buffer.concat([bytes, piece]);
    const pieces: Uint8Array[] = [];
    for (const { start, end, form } of scanner.find(bytes, looked)) {
      onFound(form);
      if (start > out) pieces.push(bytes.subarray(out, start));
      if (start > matched) pieces.push(marker);
      matched = end;
      out = Math.max(out, end);
    }
    held = scanner.heldFrom(bytes, looked, held);
    if (held > out) {
      pieces.push(bytes.subarray(out, held));
      out = held;
    }
    forget(Math.min(out, bytes.length - scanner.contextBytes));
    return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
  }

  function forget(count: number): void {
    if (count <= 0) return;
    bytes = Uint8Array.prototype.slice.call(bytes, count); // a copy: a view would keep the whole piece
    out -= count;
    matched = Math.max(-1, matched - count);
    held = Math.max(0, held - count);
  }

  return {
    push,
    end() {
      const rest = bytes.subarray(out);
      out = bytes.length;
      return rest;
    },
  };
}
