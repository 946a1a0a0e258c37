// Bodies of requests and responses (https://fetch.spec.whatwg.org/#bodies): bytes that are there, or a source that is read
// as somebody asks for more. `body` is a stream over either, made when it is first looked at.
import { decodeUtf8, encodeUtf8 } from "./encoding.ts";
import { isReadableStream, streams } from "./streams.ts";
import { URLSearchParams } from "./url.ts";

type ReadableStream = InstanceType<ReturnType<typeof streams>["ReadableStream"]>;

/** Read once, from its start. */
export interface Pieces {
  /** undefined: that was all. */
  next(): Promise<Uint8Array | undefined>;
  cancel(reason?: unknown): void;
}

export type BodySource = Uint8Array | Pieces | null;

export type BodyInit =
  | string
  | Uint8Array
  | ArrayBuffer
  | ArrayBufferView
  | AsyncIterable<Uint8Array>
  | { toString(): string }
  | null
  | undefined;

export interface ExtractedBody {
  source: BodySource;
  contentType: string | null;
}

export function extractBody(body: BodyInit): ExtractedBody {
  if (body === null || body === undefined) return { source: null, contentType: null };
  if (body instanceof Uint8Array) return { source: body.slice(), contentType: null };
  if (body instanceof ArrayBuffer) return { source: new Uint8Array(body.slice(0)), contentType: null };
  if (ArrayBuffer.isView(body))
    return { source: new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice(), contentType: null };
  if (body instanceof URLSearchParams)
    return { source: encodeUtf8(body.toString()), contentType: "application/x-www-form-urlencoded;charset=UTF-8" };
  if (isReadableStream(body)) return { source: piecesOfStream(body as ReadableStream), contentType: null };
  if (typeof body === "object" && Symbol.asyncIterator in body)
    return { source: piecesOfIterable(body), contentType: null };
  return { source: encodeUtf8(String(body)), contentType: "text/plain;charset=UTF-8" };
}

export function isStreamed(source: BodySource): source is Pieces {
  return source !== null && !(source instanceof Uint8Array);
}

function piecesOfStream(stream: ReadableStream): Pieces {
  if (stream.locked) throw new TypeError("the stream is being read by another reader");
  const reader = stream.getReader();
  return {
    async next() {
      const { done, value } = await reader.read();
      return done ? undefined : bytesOnly(value);
    },
    cancel: (reason) => void reader.cancel(reason).catch(() => {}),
  };
}

function piecesOfIterable(iterable: AsyncIterable<unknown>): Pieces {
  const iterator = iterable[Symbol.asyncIterator]();
  return {
    async next() {
      const { done, value } = await iterator.next();
      return done ? undefined : bytesOnly(value);
    },
    cancel: () => void iterator.return?.().then(undefined, () => {}),
  };
}

function bytesOnly(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new TypeError("a streaming body gives Uint8Array pieces, and nothing else");
}

/** The state of a body: `source` until it is used, as a whole or through a stream. */
class State {
  #source: BodySource;
  #stream: ReadableStream | undefined;
  #used = false;

  constructor(source: BodySource) {
    this.#source = source;
  }
  get used(): boolean {
    return this.#used;
  }
  get stream(): ReadableStream | null {
    if (this.#source === null) return null;
    this.#stream ??= this.#makeStream(this.#source);
    return this.#stream;
  }

  #makeStream(source: Uint8Array | Pieces): ReadableStream {
    const pieces = isStreamed(source) ? source : piecesOfBytes(source);
    const { ReadableStream } = streams();
    return new ReadableStream(
      {
        type: "bytes",
        pull: async (controller) => {
          this.#used = true;
          const piece = await pieces.next();
          if (piece !== undefined) return controller.enqueue(piece);
          controller.close();
          controller.byobRequest?.respond(0);
        },
        cancel: (reason) => {
          this.#used = true;
          pieces.cancel(reason);
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** The body, for whoever reads it now; nobody can a second time. */
  take(): BodySource {
    this.refuseUsed();
    const source = this.#stream === undefined ? this.#source : piecesOfStream(this.#stream);
    if (source !== null) this.#used = true;
    return source;
  }

  /** A second body with the same bytes. */
  clone(): BodySource {
    this.refuseUsed();
    if (this.#stream === undefined && !isStreamed(this.#source)) return this.#source;
    const [own, other] = (this.stream as ReadableStream).tee();
    this.#stream = own;
    return piecesOfStream(other);
  }

  replace(source: BodySource): void {
    this.#source = source;
    this.#stream = undefined;
  }

  refuseUsed(): void {
    if (this.#used || this.#stream?.locked) throw new TypeError("the body has been read already");
  }
}

function piecesOfBytes(bytes: Uint8Array): Pieces {
  let left: Uint8Array | undefined = bytes.length === 0 ? undefined : bytes.slice();
  return {
    async next() {
      const piece = left;
      left = undefined;
      return piece;
    },
    cancel() {},
  };
}

async function wholeOf(source: BodySource): Promise<Uint8Array> {
  if (source === null) return new Uint8Array(0);
  if (!isStreamed(source)) return source.slice();
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for (let piece = await source.next(); piece !== undefined; piece = await source.next()) {
    pieces.push(piece);
    bytes += piece.length;
  }
  if (pieces.length === 1) return pieces[0] as Uint8Array;
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** What Request and Response have in common. */
export class Body {
  readonly #state: State;

  constructor(source: BodySource) {
    this.#state = new State(source);
  }
  get body(): ReadableStream | null {
    return this.#state.stream;
  }
  get bodyUsed(): boolean {
    return this.#state.used;
  }
  async bytes(): Promise<Uint8Array> {
    return wholeOf(this.#state.take());
  }
  async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = await this.bytes();
    return (bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice()).buffer as ArrayBuffer;
  }
  async text(): Promise<string> {
    return decodeUtf8(await this.bytes());
  }
  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }
  static stateOf(body: Body): State {
    return body.#state;
  }
}

/** For the other files of the web API; a job can't reach it. */
export const bodyOf = Body.stateOf;
Reflect.deleteProperty(Body, "stateOf");
