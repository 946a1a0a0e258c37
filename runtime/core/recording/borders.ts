// What stands right beside a credential in Base64 has bits of its first or last letter in it, and would differ between a run
// and its replay. So where texts and bodies are compared, one letter on either side of a marker goes with it. What is lost is
// a letter of the comparison, the same on both sides.
import { marker } from "../leases/leak-guard.ts";

const letters = /[\w+/-]?\[credential\][\w+/-]?/g; // of Base64 and Base64url
const markerBytes = Buffer.from(marker);

/** The same data, each text and each name of a member without these letters. */
export function withoutBorders<Value>(value: Value): Value {
  const clean = (each: unknown): unknown => {
    if (typeof each === "string") return each.replace(letters, marker);
    if (typeof each !== "object" || each === null) return each;
    if (Array.isArray(each)) return each.map(clean);
    return Object.fromEntries(Object.entries(each).map(([key, inner]) => [key.replace(letters, marker), clean(inner)]));
  };
  return clean(value) as Value;
}

/** The same for content in pieces. A marker is whole in one of them. */
export function makeBorders(take: (bytes: Uint8Array) => void): { push(piece: Uint8Array): void; end(): void } {
  /** The last byte that has come: it goes, should a marker follow. */
  let last: Buffer = Buffer.alloc(0);
  let isBehindMarker = false;

  function segment(bytes: Buffer, isBeforeMarker: boolean): Buffer {
    const from = isBehindMarker && isLetter(bytes[0]) ? 1 : 0;
    const to = isBeforeMarker && bytes.length > from && isLetter(bytes.at(-1)) ? bytes.length - 1 : bytes.length;
    if (bytes.length > 0) isBehindMarker = false;
    return bytes.subarray(from, to);
  }

  return {
    push(piece) {
      const bytes = Buffer.concat([last, piece]);
      let at = 0;
      for (let next = bytes.indexOf(markerBytes); next >= 0; next = bytes.indexOf(markerBytes, at)) {
        take(segment(bytes.subarray(at, next), true));
        take(markerBytes);
        isBehindMarker = true;
        at = next + markerBytes.length;
      }
      const rest = segment(bytes.subarray(at), false);
      last = Buffer.from(rest.subarray(-1));
      take(rest.subarray(0, rest.length - last.length));
    },
    end() {
      take(last);
    },
  };
}

function isLetter(value: number | undefined): boolean {
  return value !== undefined && /[\w+/-]/.test(String.fromCharCode(value));
}
