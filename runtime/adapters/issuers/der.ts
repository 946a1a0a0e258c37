// DER (X.690) as far as a revocation list needs it: writing, and reading what this program wrote. Lengths are definite and
// whatever runs over its parent is refused. The library that makes certificates (x509-certificate.ts) could do it too, and
// took half a second of the supervisor for a list of a thousand entries, and read none of three thousand.

export const tags = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const;

/** `[number]`, constructed: an explicit tag. */
export function contextTag(number: number): number {
  return 0xa0 | number;
}

export function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const bytes = content.reduce((sum, piece) => sum + piece.length, 0);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(bytes)]), ...content]);
}

function lengthOf(bytes: number): number[] {
  if (bytes < 0x80) return [bytes];
  const digits: number[] = [];
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 0x100)) digits.unshift(rest % 0x100);
  return [0x80 | digits.length, ...digits];
}

export function sequence(...content: readonly Uint8Array[]): Buffer {
  return der(tags.sequence, ...content);
}

/** Not negative; hex digits as they are counted, with as many leading zeros as you like. */
export function integer(hexDigits: string): Buffer {
  const even = hexDigits.length % 2 === 0 ? hexDigits : `0${hexDigits}`;
  const digits = even.replace(/^(?:00)+(?=[0-9a-f]{2})/, "");
  const bytes = Buffer.from(digits, "hex");
  const isHigh = (bytes[0] ?? 0) >= 0x80; // would read as negative
  return der(tags.integer, isHigh ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
}

/** Whole seconds, downwards. To 2049 with two digits of the year, from 2050 with four (RFC 5280, 4.1.2.5). */
export function time(epochMs: number): Buffer {
  const text = `${new Date(epochMs).toISOString().replace(/\.\d+Z$|[-:T]/g, "")}Z`;
  return text < "2050" ? der(tags.utcTime, Buffer.from(text.slice(2))) : der(tags.generalizedTime, Buffer.from(text));
}

export interface Item {
  tag: number;
  content: Buffer;
  /** With tag and length. */
  whole: Buffer;
}

/** What stands in a constructed value, one after the other. @throws RangeError for what is no DER. */
export function items(bytes: Buffer): Item[] {
  const found: Item[] = [];
  for (let at = 0; at < bytes.length; ) {
    const item = itemAt(bytes, at);
    found.push(item);
    at += item.whole.length;
  }
  return found;
}

function itemAt(bytes: Buffer, at: number): Item {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw new RangeError("no DER");
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 4 || first === 0x80 || at + 2 + lengthBytes > bytes.length) throw new RangeError("no DER");
  const start = at + 2 + lengthBytes;
  const end = start + (lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes));
  if (end > bytes.length) throw new RangeError("no DER: a value longer than what holds it");
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) };
}

/** Epoch, ms. @throws RangeError. */
export function timeOf({ tag, content }: Item): number {
  const text = content.toString("latin1");
  const isShort = tag === tags.utcTime && /^\d{12}Z$/.test(text);
  if (!isShort && !(tag === tags.generalizedTime && /^\d{14}Z$/.test(text))) throw new RangeError("no time");
  const digits = isShort ? `${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text}` : text;
  const at = Date.parse(digits.replace(/^(....)(..)(..)(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  if (Number.isNaN(at)) throw new RangeError("no time");
  return at;
}

/** As `integer` takes it; without leading zeros. @throws RangeError. */
export function integerOf({ tag, content }: Item): string {
  if (tag !== tags.integer || content.length === 0) throw new RangeError("no number");
  return content.toString("hex").replace(/^(?:00)+(?=[0-9a-f]{2})/, "");
}
