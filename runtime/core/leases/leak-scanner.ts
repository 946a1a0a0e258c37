// Finds a credential in bytes, in any of its forms (leak-forms.ts). Pure, and as fast as bytes are sent:
//
//   probe     every match has so many bytes that one probe of four at every ninth byte falls into it. A table says which
//             lengths of window a probe may belong to; in clean text nearly all belong to none, and are passed over
//   confirm   around a probe that may belong to a match, windows are hashed as they roll, looked up, and compared
//   extend    a window that is there is a match; it grows both ways as far as the text goes on
//
// Whoever writes the text can't make it slow: for each length of window every byte is hashed once at most, and compared
// when its hash is that of a window. `steps` counts that work.
import type { Encoded, LeakForm } from "./leak-forms.ts";

export interface Found {
  /** Offsets of bytes; `end` is behind the last one. */
  start: number;
  end: number;
  form: LeakForm;
}

export interface Scanner {
  /** Before what is new, so much of what came before has to be there. */
  readonly contextBytes: number;
  /** Work of confirming, in windows hashed and bytes compared. */
  readonly steps: number;
  /** All matches in order, apart from each other. Only those that end behind `looked`: what is before was looked at. */
  find(bytes: Uint8Array, looked?: number): Found[];
  /**
   * Where the end of `bytes` begins that may be the beginning of a match.
   * @param before the answer for the first `looked` bytes.
   */
  heldFrom(bytes: Uint8Array, looked: number, before: number): number;
}

/** A window is compared in its first bytes, as many as the longest of these that it has: few lengths, little work. */
const lengths = [8, 12, 15, 19, 24, 36, 60] as const;
const gramBytes = 4;
/** Set for all that a form holds, also where it tells nothing: it may be the beginning of a match. */
const someForm = 128;
const multiplier = 0x9e3779b1; // Knuth's: 2 to the 32nd by the golden ratio, odd
const base = 0x01000193; // FNV's prime
/** Held back at most, bytes: a token of some kilobytes. A longer beginning goes out, and its end does not. */
const heldBytesMax = 8_192;

/** Windows of one length. */
interface Windows {
  length: number;
  /** Bit in the table. */
  bit: number;
  /** Of the first byte of a window in its hash. */
  power: number;
  shift: number;
  hashes: Int32Array;
  /** Offset in `texts`, from 1; 0 is a free place. */
  at: Int32Array;
  /** While it learns: probes before this one are in the table. */
  marked: number;
  /** In one search: the first window that was not hashed yet, and the hash of the one before it. */
  next: number;
  hash: number;
  /** Windows that begin before are inside of a match. */
  inside: number;
}

export function makeScanner(encoded: readonly Encoded[]): Scanner {
  const bytesAll = encoded.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const texts = new Uint8Array(bytesAll);
  const borders: number[] = [];
  const isKnown = new Uint8Array(256);
  // Four places and more for each byte of the forms, many of which share their probes. With eight the table no longer
  // lies in a core's own cache, with two more of other text is looked at twice; both were slower.
  const bits = Math.min(20, Math.max(16, Math.ceil(Math.log2(bytesAll * 4 + 1))));
  const shift = 32 - bits;
  const table = new Uint8Array(2 ** bits);
  const classes = makeClasses(encoded);
  let steps = 0;
  let offset = 0;
  for (const each of encoded) {
    texts.set(each.bytes, offset);
    borders.push(offset);
    learn(each, offset);
    offset += each.bytes.length;
  }
  const shortest = Math.min(...classes.map(({ length }) => length));
  const stride = shortest - gramBytes + 1;
  const contextBytes = Math.max(...classes.map(({ length }) => length)) - 1;

  /** All that a form holds may begin a match; where it tells something, its windows can be found. */
  function learn({ bytes, windows }: Encoded, from: number): void {
    for (const value of bytes) isKnown[value] = 1;
    for (let at = 0; at + gramBytes <= bytes.length; at += 1) mark(from + at, someForm);
    for (const { start, end } of windows) {
      const known = classOf(end - start);
      for (let at = Math.max(start, known.marked - from); at + gramBytes <= end; at += 1) mark(from + at, known.bit);
      known.marked = from + end - gramBytes + 1;
      put(known, from + start);
      // By its last bytes too: what continues a match may come later.
      if (end - known.length > start) put(known, from + end - known.length);
    }
  }

  function classOf(bytes: number): Windows {
    let index = classes.length - 1;
    while ((classes[index] as Windows).length > bytes) index -= 1;
    return classes[index] as Windows;
  }

  function mark(at: number, bit: number): void {
    const place = placeOf(texts, at);
    table[place] = (table[place] as number) | bit;
  }

  function placeOf(bytes: Uint8Array, at: number): number {
    const gram =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    return Math.imul(gram, multiplier) >>> shift;
  }

  function put(windows: Windows, at: number): void {
    const hash = hashOf(texts, at, windows.length);
    for (let place = slotOf(windows, hash); ; place = (place + 1) & (windows.at.length - 1)) {
      const there = windows.at[place] as number;
      if (there === 0) {
        windows.at[place] = at + 1;
        windows.hashes[place] = hash;
        return;
      }
      if (windows.hashes[place] === hash && same(texts, there - 1, at, windows.length)) return;
    }
  }

  function same(bytes: Uint8Array, known: number, at: number, length: number): boolean {
    let index = 0;
    while (index < length && texts[known + index] === bytes[at + index]) index += 1;
    steps += index;
    return index === length;
  }

  /** Offset in `texts` of the window that stands at `at`; -1 for none. */
  function lookUp(windows: Windows, bytes: Uint8Array, at: number): number {
    const { hash, hashes } = windows;
    for (let place = slotOf(windows, hash); ; place = (place + 1) & (windows.at.length - 1)) {
      const there = windows.at[place] as number;
      if (there === 0) return -1;
      if (hashes[place] === hash && same(bytes, there - 1, at, windows.length)) return there - 1;
    }
  }

  /** All windows that the probe at `at` may belong to, those excepted that were looked at for an earlier one. */
  function confirm(windows: Windows, bytes: Uint8Array, at: number, looked: number, found: Found[]): void {
    const { length, bit } = windows;
    const aside = (length - gramBytes) >> 1; // a window with the one has the other, to one side or to both
    const isBeside = (other: number) =>
      other >= 0 && other + gramBytes <= bytes.length && ((table[placeOf(bytes, other)] as number) & bit) !== 0;
    if (!isBeside(at - aside) && !isBeside(at + aside)) return;
    const from = Math.max(at - length + gramBytes, looked - length + 1, windows.next, 0);
    const to = Math.min(at, bytes.length - length);
    for (let start = from; start <= to; start += 1) {
      roll(windows, bytes, start);
      if (start < windows.inside) continue;
      const there = lookUp(windows, bytes, start);
      if (there < 0) continue;
      const before = found.at(-1)?.end ?? 0;
      const match = extend(bytes, start, there, length, before <= start ? before : 0);
      windows.inside = match.end - length + 1;
      found.push(match);
    }
  }

  function roll(windows: Windows, bytes: Uint8Array, start: number): void {
    const { length, power } = windows;
    if (windows.next === start && start > 0) {
      const without = windows.hash - Math.imul(bytes[start - 1] as number, power);
      windows.hash = (Math.imul(without, base) + (bytes[start + length - 1] as number)) | 0;
      steps += 1;
    } else {
      windows.hash = hashOf(bytes, start, length);
      steps += length;
    }
    windows.next = start + 1;
  }

  /** Both ways; to the left not into an earlier match. */
  function extend(bytes: Uint8Array, at: number, there: number, length: number, floor: number): Found {
    const index = textAt(there);
    const first = borders[index] as number;
    const last = borders[index + 1] ?? texts.length;
    let [start, left] = [at, there];
    while (start > floor && left > first && bytes[start - 1] === texts[left - 1]) {
      start -= 1;
      left -= 1;
    }
    let [end, right] = [at + length, there + length];
    while (end < bytes.length && right < last && bytes[end] === texts[right]) {
      end += 1;
      right += 1;
    }
    steps += end - start;
    return { start, end, form: (encoded[index] as Encoded).form };
  }

  function textAt(there: number): number {
    let [low, high] = [0, borders.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((borders[middle] as number) <= there) low = middle;
      else high = middle;
    }
    return low;
  }

  function find(bytes: Uint8Array, looked = 0): Found[] {
    const found: Found[] = [];
    for (const windows of classes) windows.next = windows.inside = 0;
    const first = Math.max(0, looked - contextBytes) + shortest - gramBytes;
    const last = bytes.length - gramBytes;
    for (let at = first; at <= last; at += stride) {
      // Written out: a call for each probe would cost as much as the probe.
      const gram =
        (bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24);
      const marks = (table[Math.imul(gram, multiplier) >>> shift] as number) & ~someForm;
      if (marks === 0) continue;
      for (const windows of classes) if ((marks & windows.bit) !== 0) confirm(windows, bytes, at, looked, found);
    }
    return found.length < 2 ? found : merged(found);
  }

  function heldFrom(bytes: Uint8Array, looked: number, before: number): number {
    const least = Math.max(0, bytes.length - heldBytesMax);
    let from = bytes.length;
    while (from > least) {
      if (from <= looked - gramBytes + 1 && before <= from) return Math.max(before, least);
      const at = from - 1;
      if (isKnown[bytes[at] as number] === 0) break;
      if (at + gramBytes <= bytes.length && table[placeOf(bytes, at)] === 0) break;
      from = at;
    }
    return from;
  }

  return {
    contextBytes,
    get steps() {
      return steps;
    },
    find,
    heldFrom,
  };
}

/** One for each length that is needed, with places enough for all its windows. */
function makeClasses(encoded: readonly Encoded[]): Windows[] {
  const counts = new Map<number, number>();
  for (const { windows } of encoded) {
    for (const { start, end } of windows) {
      const length = lengthFor(end - start);
      counts.set(length, (counts.get(length) ?? 0) + 1);
    }
  }
  return lengths.flatMap((length, index): Windows[] => {
    const count = counts.get(length);
    if (count === undefined) return [];
    const bits = Math.max(4, Math.ceil(Math.log2(count * 4)));
    let power = 1;
    for (let exponent = 1; exponent < length; exponent += 1) power = Math.imul(power, base);
    const places = { hashes: new Int32Array(2 ** bits), at: new Int32Array(2 ** bits) };
    return [{ length, bit: 1 << index, power, shift: 32 - bits, ...places, marked: 0, next: 0, hash: 0, inside: 0 }];
  });
}

/** The longest that such a window holds. */
function lengthFor(bytes: number): number {
  let index = lengths.length - 1;
  while (index > 0 && (lengths[index] as number) > bytes) index -= 1;
  return lengths[index] as number;
}

function hashOf(bytes: Uint8Array, at: number, length: number): number {
  let hash = 0;
  for (let index = 0; index < length; index += 1) hash = (Math.imul(hash, base) + (bytes[at + index] as number)) | 0;
  return hash;
}

function slotOf({ shift }: Windows, hash: number): number {
  return Math.imul(hash, multiplier) >>> shift;
}

function merged(found: Found[]): Found[] {
  found.sort((a, b) => a.start - b.start);
  const apart: Found[] = [];
  for (const each of found) {
    const before = apart.at(-1);
    if (before === undefined || each.start > before.end) apart.push({ ...each });
    else before.end = Math.max(before.end, each.end);
  }
  return apart;
}
