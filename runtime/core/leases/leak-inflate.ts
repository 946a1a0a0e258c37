// Looks into what is compressed: gzip members wherever they begin (RFC 1952), and an item that is zlib, raw deflate or
// brotli as a whole (RFC 1950, 1951, 7932), one in the other twice. It reports and changes nothing: what is found inside
// can't be replaced there. It gives up, without a word, at bounds on size and on ratio; whoever hides a credential on
// purpose has easier ways.
import { constants, createBrotliDecompress, createInflate, createInflateRaw } from "node:zlib";
import type { LeakForm } from "./leak-forms.ts";
import type { Scanner } from "./leak-scanner.ts";
import { type LeakStream, makeLeakStream } from "./leak-stream.ts";

/** Inflated of one item, all members together, bytes: what a job has in memory by default; 0.1 s of scanning. */
export const inflatedBytesMax = 67_108_864;
/** Inflated for one compressed byte: deflate can't do more than 1,032. A bomb is left alone before it is one. */
export const inflatedRatioMax = 1_000;
/** Before the ratio counts: short items of one letter are denser than any. */
const ratioFreeBytes = 65_536;
/** Members of one item: random bytes look like a gzip header once in 16 MiB. */
const membersMax = 64;
/** Members under way at once; each holds a window of 32 KiB, brotli's up to 16 MiB. */
const membersAtOnceMax = 4;
/** Compressed within compressed. */
const depthMax = 2;
/** Of a gzip member, with the name of its file and a comment, bytes. */
const headerBytesMax = 4_096;
/** Read at the beginning of an item, bytes, to tell text from what may be compressed. */
const headBytes = 64;

export type Packed = "gzip" | "zlib" | "deflate" | "brotli";

export interface Inspector {
  /** Resolves once all that these bytes give has been looked at. */
  write(piece: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

interface Budget {
  bytes: number;
  members: number;
}

/** @param onFound the innermost packing, and the form in it; it may be called more than once. */
export function makeInspector(
  scanner: Scanner,
  onFound: (packed: Packed, form: LeakForm) => void,
  budget: Budget = { bytes: inflatedBytesMax, members: membersMax },
  depth = 1,
): Inspector {
  const open: Member[] = [];
  let head: Buffer | undefined = Buffer.alloc(0);
  /** The last two bytes: a magic number may be cut. */
  let tail: Buffer = Buffer.alloc(0);

  async function begin(packed: Packed, bytes: Uint8Array): Promise<void> {
    if (open.length >= membersAtOnceMax || budget.members <= 0) return;
    budget.members -= 1;
    const inside =
      depth < depthMax ? makeInspector(scanner, (inner, form) => onFound(inner, form), budget, depth + 1) : undefined;
    const stream = makeLeakStream(scanner, new Uint8Array(0), (form) => onFound(packed, form));
    const member = makeMember(packed, stream, inside, budget);
    open.push(member);
    await member.write(bytes);
  }

  async function beginItem(bytes: Buffer): Promise<void> {
    for (const packed of packingsOf(bytes)) await begin(packed, bytes);
  }

  async function write(piece: Uint8Array): Promise<void> {
    if (piece.length === 0) return;
    for (const member of open) await member.write(piece);
    if (head !== undefined) {
      head = Buffer.concat([head, piece]);
      if (head.length >= headBytes) {
        const item = head;
        head = undefined;
        await beginItem(item);
      }
    }
    await findMembers(piece);
    for (let index = open.length - 1; index >= 0; index -= 1) if (open[index]?.isOver()) open.splice(index, 1);
  }

  async function findMembers(piece: Uint8Array): Promise<void> {
    const bytes = Buffer.concat([tail, piece]);
    for (let at = bytes.indexOf(gzipMagic); at >= 0; at = bytes.indexOf(gzipMagic, at + 1))
      await begin("gzip", bytes.subarray(at));
    tail = Buffer.from(bytes.subarray(-(gzipMagic.length - 1)));
  }

  return {
    write,
    async end() {
      if (head !== undefined) await beginItem(head);
      head = undefined;
      for (const member of open) await member.end();
      open.length = 0;
    },
  };
}

const gzipMagic = Buffer.from([0x1f, 0x8b, 0x08]);

/** What an item that begins so may be as a whole. Text is none of it. */
function packingsOf(bytes: Buffer): Packed[] {
  const [first = 0, second = 0] = bytes;
  const packings: Packed[] = [];
  if ((first & 15) === 8 && (first * 256 + second) % 31 === 0) packings.push("zlib");
  if (!isText(bytes.subarray(0, headBytes)) && !bytes.subarray(0, 3).equals(gzipMagic))
    packings.push("deflate", "brotli");
  return packings;
}

/** No control characters but white space, and UTF-8, save where it was cut. */
function isText(bytes: Buffer): boolean {
  const text = bytes.toString("utf8").replace(/\ufffd{1,3}$/, "");
  return !/[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\ufffd]/.test(text);
}

interface Member {
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
  isOver(): boolean;
}

/** One decompressor. What it can't read it ends at, and what it has read until then has been looked at. */
function makeMember(packed: Packed, stream: LeakStream, inside: Inspector | undefined, budget: Budget): Member {
  const inflate = decompressor(packed);
  let header: Buffer | undefined = packed === "gzip" ? Buffer.alloc(0) : undefined;
  let over = false;
  let read = 0;
  let inflated = 0;
  let out: Buffer[] = [];
  let written = () => {};
  const stop = () => {
    over = true;
    inflate.destroy();
    written(); // nobody else says so of a write that is under way
  };
  inflate.on("error", stop);
  inflate.on("end", () => {
    over = true;
  });
  inflate.on("data", (bytes: Buffer) => {
    if (over) return;
    inflated += bytes.length;
    budget.bytes -= bytes.length;
    if (budget.bytes < 0 || inflated > ratioFreeBytes + read * inflatedRatioMax) return stop();
    stream.push(bytes);
    if (inside !== undefined) out.push(bytes);
  });

  async function deliver(): Promise<void> {
    while (!over && inflate.read() !== null); // what waits for its turn is given now
    const pieces = out;
    out = [];
    for (const piece of pieces) await inside?.write(piece);
  }

  return {
    async write(piece) {
      if (over) return;
      read += piece.length;
      let bytes = piece;
      if (header !== undefined) {
        header = Buffer.concat([header, piece]);
        const length = gzipHeaderBytes(header);
        if (length === undefined && header.length > headerBytesMax) stop();
        if (length === undefined) return;
        bytes = header.subarray(length);
        header = undefined;
      }
      await new Promise<void>((resolve) => {
        written = resolve;
        inflate.write(bytes, () => resolve());
      });
      await deliver();
    },
    async end() {
      await deliver();
      stop();
      await inside?.end();
    },
    isOver: () => over,
  };
}

/** RFC 1952, section 2.3; undefined while its end has not come. */
function gzipHeaderBytes(bytes: Buffer): number | undefined {
  const [hasExtra, hasName, hasComment, hasCheck] = [4, 8, 16, 2].map((flag) => ((bytes[3] ?? 0) & flag) !== 0);
  let length = 10;
  if (hasExtra) length += 2 + (bytes[length] ?? 0) + 256 * (bytes[length + 1] ?? 0);
  for (const isThere of [hasName, hasComment]) {
    if (isThere !== true) continue;
    const zero = bytes.indexOf(0, length);
    if (zero < 0) return undefined;
    length = zero + 1;
  }
  if (hasCheck) length += 2;
  return length <= bytes.length ? length : undefined;
}

function decompressor(packed: Packed) {
  const flush = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };
  switch (packed) {
    case "zlib":
      return createInflate(flush);
    case "gzip": // Node's own loses what it has read when something else follows a member
    case "deflate":
      return createInflateRaw(flush);
    case "brotli":
      return createBrotliDecompress({
        flush: constants.BROTLI_OPERATION_FLUSH,
        finishFlush: constants.BROTLI_OPERATION_FLUSH,
      });
  }
}
