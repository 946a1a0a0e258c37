// The only decoder of bytes that come up an executor's pipe. A frame is
//
//   4 bytes  length of the header, big-endian, 2 to 262,144
//   4 bytes  length of the body, big-endian, 0 to 16,777,216
//   header   a JSON object in UTF-8, `type` among its keys
//   body     raw bytes
//
// Nothing else is understood: no compression, no V8 serialisation, no continuation. A length out of bounds or a header
// that is not a JSON object ends the conversation, since where the next frame begins is then unknown. So does a body that
// is longer than its header allows: no room is made for one before that is known.

export const headerBytesMax = 262_144; // SQL texts, URLs and header lists are the largest; ten times what they need
export const bodyBytesMax = 16_777_216; // the largest response or file of one call, with room to spare

export interface Frame {
  header: { readonly type: string; readonly [key: string]: unknown };
  body: Uint8Array;
}

const empty = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** @throws RangeError when header or body pass their maxima: the caller must have bounded them. */
export function encodeFrame(frame: Frame): Uint8Array[] {
  const header = encoder.encode(JSON.stringify(frame.header));
  if (header.length > headerBytesMax)
    throw new RangeError(`frame header of ${header.length} bytes, at most ${headerBytesMax}`);
  if (frame.body.length > bodyBytesMax)
    throw new RangeError(`frame body of ${frame.body.length} bytes, at most ${bodyBytesMax}`);
  const start = new Uint8Array(8 + header.length);
  const view = new DataView(start.buffer);
  view.setUint32(0, header.length);
  view.setUint32(4, frame.body.length);
  start.set(header, 8);
  return frame.body.length === 0 ? [start] : [start, frame.body];
}

/** Thrown by the decoder; the reason is ours and names no byte of the input. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/**
 * Collects chunks and gives whole frames. Holds no more than one frame. A body that isn't empty is the whole of a
 * buffer of its own, so that whoever gets it may hand the buffer on; the empty ones are all the same.
 */
export class FrameDecoder {
  readonly #bodyBytesMaxOf: (header: Frame["header"]) => number;
  readonly #lengths = new Uint8Array(8);
  readonly #view = new DataView(this.#lengths.buffer);
  #header = empty;
  #parsed: Frame["header"] | undefined;
  #body = empty;
  /** What is being filled: lengths, header, body, in this order. */
  #part: Uint8Array = this.#lengths;
  #filled = 0;
  #failed = false;

  /** @param bodyBytesMaxOf what the body of a frame with this header has at most, bytes. */
  constructor(bodyBytesMaxOf: (header: Frame["header"]) => number = () => bodyBytesMax) {
    this.#bodyBytesMaxOf = bodyBytesMaxOf;
  }

  /** All that is whole. @throws FrameError once the input is no sequence of frames; the decoder then takes nothing more. */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    for (let rest = chunk; rest.length > 0; ) {
      const taken = this.next(rest);
      if (taken.frame !== undefined) frames.push(taken.frame);
      rest = taken.rest;
    }
    return frames;
  }

  /** One frame at most, and what is behind it: no room is made for the next one yet. @throws FrameError as `push` does. */
  next(chunk: Uint8Array): { frame?: Frame; rest: Uint8Array } {
    if (this.#failed) return { rest: empty };
    try {
      for (let at = 0; at < chunk.length; ) {
        const taken = Math.min(this.#part.length - this.#filled, chunk.length - at);
        this.#part.set(chunk.subarray(at, at + taken), this.#filled);
        this.#filled += taken;
        at += taken;
        const frame = this.#filled === this.#part.length ? this.#next() : undefined;
        if (frame !== undefined) return { frame, rest: chunk.subarray(at) };
      }
      return { rest: empty };
    } catch (error) {
      this.#failed = true;
      this.#header = empty;
      this.#parsed = undefined;
      this.#body = empty;
      throw error;
    }
  }

  /** The part is full: on to the next one, and behind the last the frame is whole. */
  #next(): Frame | undefined {
    this.#filled = 0;
    if (this.#part === this.#lengths) {
      this.#openHeader();
      return undefined;
    }
    if (this.#part === this.#header) {
      this.#parsed = parseHeader(this.#header);
      this.#openBody(this.#parsed);
      if (this.#body.length > 0) return undefined;
    }
    const frame = { header: this.#parsed as Frame["header"], body: this.#body };
    this.#part = this.#lengths;
    this.#header = empty;
    this.#parsed = undefined;
    this.#body = empty;
    return frame;
  }

  #openHeader(): void {
    const headerLength = this.#view.getUint32(0);
    if (headerLength < 2 || headerLength > headerBytesMax) throw new FrameError("header length out of bounds");
    if (this.#view.getUint32(4) > bodyBytesMax) throw new FrameError("body length out of bounds");
    this.#part = this.#header = new Uint8Array(headerLength);
  }

  #openBody(header: Frame["header"]): void {
    const bodyLength = this.#view.getUint32(4);
    if (bodyLength > this.#bodyBytesMaxOf(header)) throw new FrameError("a body that is longer than its header allows");
    this.#body = bodyLength === 0 ? empty : new Uint8Array(bodyLength);
    this.#part = this.#body;
  }
}

function parseHeader(bytes: Uint8Array): Frame["header"] {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch {
    throw new FrameError("header is no JSON");
  }
  if (typeof value !== "object" || value === null || !("type" in value) || typeof value.type !== "string") {
    throw new FrameError("header is no object with a type");
  }
  return value as Frame["header"];
}
