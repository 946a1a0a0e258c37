// node:zlib for the guest: whole, at once or later, and as streams, whose state is kept here. What comes out of a bomb is
// bounded: a whole by `outputBytesMax`, a stream by what one turn gives, since the next is asked for when that was taken.
import type { Transform } from "node:stream";
import type * as NodeZlib from "node:zlib";
import type { ServiceArguments } from "../protocol/services.ts";
import type { ServiceAnswer, Services } from "./services.ts";
import { given, makeKept, textOf, told, toldLater } from "./services-node-parts.ts";

declare const require: (name: "node:zlib") => typeof NodeZlib;

const zlib = (): typeof NodeZlib => require("node:zlib");

/** Of one inflated whole, bytes; the caller's `maxOutputLength` may be less. */
export const outputBytesMax = 67_108_864;
/** What one turn of a stream gives, bytes. */
export const turnBytesMax = 262_144;
/** Streams that are open; deflate takes 256 KiB each, and brotli up to 16 MiB. */
export const streamsMax = 64;

const methods = {
  gzip: "createGzip",
  gunzip: "createGunzip",
  deflate: "createDeflate",
  inflate: "createInflate",
  deflateRaw: "createDeflateRaw",
  inflateRaw: "createInflateRaw",
  unzip: "createUnzip",
  brotliCompress: "createBrotliCompress",
  brotliDecompress: "createBrotliDecompress",
  zstdCompress: "createZstdCompress",
  zstdDecompress: "createZstdDecompress",
} as const;

type Method = keyof typeof methods;

function methodOf(args: ServiceArguments): Method {
  const method = textOf(args.method);
  if (!Object.hasOwn(methods, method)) throw new TypeError("no such method");
  return method as Method;
}

function optionsOf({ options }: ServiceArguments): object {
  const asked = (typeof options === "object" && options !== null ? options : {}) as Record<string, unknown>;
  const { level, windowBits, memLevel, strategy, flush, finishFlush, chunkSize, params, maxOutputLength } = asked;
  const { dictionary } = asked;
  return given({
    ...{ level, windowBits, memLevel, strategy, flush, finishFlush, params },
    chunkSize: typeof chunkSize === "number" ? Math.min(chunkSize, turnBytesMax) : undefined,
    dictionary: typeof dictionary === "string" ? Buffer.from(dictionary, "base64") : undefined,
    maxOutputLength: Math.min(typeof maxOutputLength === "number" ? maxOutputLength : outputBytesMax, outputBytesMax),
  }) as object;
}

type Whole = (bytes: Uint8Array, options: object) => Buffer;
type WholeLater = (bytes: Uint8Array, options: object, done: (error: Error | null, result: Buffer) => void) => void;

function whole(args: ServiceArguments, bytes: Uint8Array): ServiceAnswer {
  const run = (zlib() as unknown as Record<string, Whole>)[`${methodOf(args)}Sync`] as Whole;
  return { value: null, bytes: run(bytes, optionsOf(args)) };
}

function wholeLater(args: ServiceArguments, bytes: Uint8Array): Promise<ServiceAnswer> {
  const run = (zlib() as unknown as Record<string, WholeLater>)[methodOf(args)] as WholeLater;
  const options = optionsOf(args);
  return new Promise((resolve, reject) => {
    run(bytes, options, (error, result) => (error ? reject(error) : resolve({ value: null, bytes: result })));
  });
}

/** A transform that is read only when the guest asks, so that it holds a piece and no more. */
interface Stream {
  transform: Transform & { flush(kind: number, done: () => void): void };
  /** What was put in last has been worked through. */
  isIdle: boolean;
  isEnded: boolean;
  failure: Error | undefined;
  wake: () => void;
}

const streams = makeKept<Stream>("stream", streamsMax, ({ transform }) => void transform.destroy());

function open(args: ServiceArguments): ServiceAnswer {
  const method = methodOf(args);
  const make = zlib()[methods[method]] as (options: object) => Stream["transform"];
  const transform = make({ ...optionsOf(args), maxOutputLength: undefined });
  const stream: Stream = { transform, isIdle: true, isEnded: false, failure: undefined, wake: () => {} };
  transform.on("readable", () => stream.wake());
  transform.on("end", () => {
    stream.isEnded = true;
    stream.wake();
  });
  transform.on("error", (error) => {
    stream.failure = error;
    stream.wake();
  });
  transform.on("close", () => {
    if (!stream.isEnded) stream.failure ??= new Error("the stream was closed");
    stream.wake();
  });
  return { value: streams.keep(stream) };
}

/** Puts bytes in, or ends, or flushes, or only asks for what is left; `more` when there is some. */
async function turn(args: ServiceArguments, bytes: Uint8Array): Promise<ServiceAnswer> {
  const stream = streams.get(args.id);
  const { transform } = stream;
  const idle = () => {
    stream.isIdle = true;
    stream.wake();
  };
  if (bytes.length > 0 || args.end === true || typeof args.flush === "number") {
    if (!stream.isIdle) throw new TypeError("the stream is at work");
    stream.isIdle = false;
    if (args.end === true) transform.end(bytes, idle);
    else if (typeof args.flush === "number") transform.flush(args.flush, idle);
    else transform.write(bytes, idle);
  }
  const pieces: Buffer[] = [];
  let taken = 0;
  for (;;) {
    const piece = taken < turnBytesMax ? (transform.read() as Buffer | null) : null;
    if (piece !== null) {
      pieces.push(piece);
      taken += piece.length;
      continue;
    }
    if (stream.failure !== undefined && taken === 0) throw stream.failure;
    if (stream.failure !== undefined || taken >= turnBytesMax) break;
    if (stream.isEnded || (stream.isIdle && !transform.writableEnded)) break;
    await new Promise<void>((resolve) => {
      stream.wake = resolve;
    });
  }
  const isDone = stream.isEnded || (stream.isIdle && !transform.writableEnded && taken < turnBytesMax);
  return { value: { more: stream.failure !== undefined || !isDone }, bytes: joined(pieces, taken) };
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

const atOnce = {
  "node.zlib": whole,
  "node.zlib.open": open,
  "node.zlib.close": (args: ServiceArguments): ServiceAnswer => {
    streams.drop(args.id);
    return { value: null };
  },
  "node.zlib.crc32": (args: ServiceArguments, bytes: Uint8Array): ServiceAnswer => ({
    value: zlib().crc32(bytes, Number(args.from) >>> 0),
  }),
};

export const nodeZlibServices: Services = {
  atOnce: Object.fromEntries(Object.entries(atOnce).map(([name, service]) => [name, told(service)])),
  later: { "node.zlib": toldLater(wholeLater), "node.zlib.turn": toldLater(turn) },
};
