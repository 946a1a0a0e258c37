// What goes up and what comes down in a request's body: bytes that are there, or pieces that are read as somebody asks for
// more. Between these and the streams of undici's Request and Response.
import { bytesOfBlob, isBlob } from "./blob.ts";
import { encodeUtf8 } from "./encoding.ts";
import { streams } from "./streams.ts";

type ByteStream = InstanceType<ReturnType<typeof streams>["ReadableStream"]>;

/** Read once, from its start. */
export interface Pieces {
  /** undefined: that was all. */
  next(): Promise<Uint8Array | undefined>;
  cancel(reason?: unknown): void;
}

export type BodySource = Uint8Array | Pieces | null;

export function isStreamed(source: BodySource): source is Pieces {
  return source !== null && !(source instanceof Uint8Array);
}

/** @param body of an inner request: its stream, and where it stems from something that can be had again, that. */
export async function sourceOf(body: { stream: ByteStream; source: unknown } | null): Promise<BodySource> {
  if (body === null) return null;
  const { source, stream } = body;
  if (source === null || source === undefined) return piecesOfStream(stream);
  if (typeof source === "string") return encodeUtf8(source);
  if (source instanceof Uint8Array) return source;
  if (isBlob(source)) return bytesOfBlob(source);
  return wholeOf(piecesOfStream(stream)); // a form: all of it is in memory, and its length is known then
}

function piecesOfStream(stream: ByteStream): Pieces {
  const reader = stream.getReader();
  return {
    async next() {
      const { done, value } = await reader.read();
      if (done) return undefined;
      if (value instanceof Uint8Array) return value;
      const error = new TypeError("a streaming body gives Uint8Array pieces, and nothing else");
      reader.cancel(error).catch(() => {});
      throw error;
    },
    cancel: (reason) => void reader.cancel(reason).catch(() => {}),
  };
}

/** Bytes that are there, in one piece. */
export function piecesOf(bytes: Uint8Array): Pieces {
  let left = bytes.length === 0 ? undefined : bytes;
  return {
    async next() {
      const piece = left;
      left = undefined;
      return piece;
    },
    cancel() {},
  };
}

/** A stream that asks for a piece when it is read. */
export function streamOf(pieces: Pieces): ByteStream {
  const { ReadableStream } = streams();
  return new ReadableStream(
    {
      type: "bytes",
      async pull(controller) {
        const piece = await pieces.next();
        if (piece !== undefined) return controller.enqueue(piece);
        controller.close();
        controller.byobRequest?.respond(0);
      },
      cancel: (reason) => pieces.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

async function wholeOf(source: Pieces): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for (let piece = await source.next(); piece !== undefined; piece = await source.next()) {
    pieces.push(piece);
    bytes += piece.length;
  }
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
