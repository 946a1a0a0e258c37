// A response's body as it comes and as it is taken: counted, decompressed, counted again. Every stage's bytes are bounded, so that neither
// a bomb, nor a bomb in a bomb, nor a stream that inflates to nothing can pass the limit or go on for ever.
import type { Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from "node:zlib";
import { ExchangeFailure } from "../../ports/http-client.ts";
import { pieceBytesMax } from "../../protocol/bridge.ts";
import { makePieceQueue } from "./piece-queue.ts";

/** More codings than this on one body serve no honest server. */
const CODINGS_MAX = 2;

export interface BodySink {
  /** Keeps `chunk`. False: don't send more until `onDrain` was called. Throws ExchangeFailure `response_size`. */
  write(chunk: Buffer): boolean;
  /** The wire has said all. What is still in the stages comes yet. */
  end(): void;
  /** Nothing more comes, and `body` rejects. */
  fail(failure: ExchangeFailure): void;
  /** Taken once. */
  readonly body: AsyncIterable<Uint8Array>;
  /** As they came over the wire. */
  wireBytes(): number;
}

export interface SinkParts {
  /** Codings in the order in which they were applied, lower case; empty for none. */
  codings: readonly string[];
  /** For each stage. */
  bytesMax: number;
  onDrain(): void;
  /** The last byte has left the last stage. */
  onEnd(): void;
  /** A stage failed or passed the limit, or the reader left: the connection is of no use any more. */
  onFailure(failure: ExchangeFailure): void;
}

/** Bytes that wait for the reader before the server is told to wait: what a socket gives at once, twice. */
const HELD_BYTES_MAX = 131_072;
const STAGE_BYTES = 65_536;

const codingNames = new Set(["gzip", "x-gzip", "deflate", "br", "zstd"]);

/** What the client tells servers that it takes. */
export const acceptedCodings = "gzip, deflate, br, zstd";

/**
 * The codings of a response, or undefined when one of them is unknown: then the body goes to the job as it came.
 * @throws ExchangeFailure `net_protocol` for too many, and for a transfer coding beside "chunked", which nobody asked for
 * and which the parser would read until the connection ends (RFC 9112, section 6.1).
 */
export function readCodings(headers: readonly (readonly [string, string])[]): string[] | undefined {
  const transfer = headers.filter(([name]) => name === "transfer-encoding");
  if (transfer.length > 1 || transfer.some(([, value]) => value.toLowerCase() !== "chunked"))
    throw new ExchangeFailure("net_protocol", "a transfer coding that was not asked for");
  const names = headers
    .filter(([name]) => name === "content-encoding")
    .flatMap(([, value]) => value.toLowerCase().split(","))
    .map((name) => name.trim())
    .filter((name) => name !== "" && name !== "identity");
  if (names.length > CODINGS_MAX) throw new ExchangeFailure("net_protocol", "too many content codings");
  return names.every((name) => codingNames.has(name)) ? names : undefined;
}

export function makeBodySink({ codings, bytesMax, onDrain, onEnd, onFailure }: SinkParts): BodySink {
  const counters = new Array<number>(codings.length + 1).fill(0);
  const stages: Transform[] = [];
  let failure: ExchangeFailure | undefined;
  const queue = makePieceQueue({
    highWaterBytes: HELD_BYTES_MAX,
    pieceBytesMax,
    onRoom: () => (stages.length === 0 ? onDrain() : stages.at(-1)?.resume()),
    onLeft: () => fail(new ExchangeFailure("aborted", "the body was left before its end")),
  });

  /** Stage 0 is the wire. True when the bytes are within the limit. */
  function count(stage: number, chunk: Buffer): boolean {
    counters[stage] = (counters[stage] ?? 0) + chunk.length;
    if ((counters[stage] ?? 0) <= bytesMax) return true;
    fail(new ExchangeFailure("response_size", "the body passes the limit"));
    return false;
  }

  function fail(reason: ExchangeFailure): void {
    if (failure !== undefined) return;
    failure = reason;
    for (const stage of stages) stage.destroy();
    queue.fail(reason);
    onFailure(reason);
  }

  /** Made at the first byte: a HEAD or a 304 may name a coding and have no body. */
  function build(first: Buffer): void {
    for (const coding of [...codings].reverse()) stages.push(makeStage(coding, first, stages.length === 0));
    for (const [index, stage] of stages.entries()) {
      const next = stages[index + 1];
      stage.on("error", (cause) => fail(new ExchangeFailure("net_protocol", "the body can't be decompressed", cause)));
      stage.on("drain", () => (index === 0 ? onDrain() : stages[index - 1]?.resume()));
      stage.on("data", (chunk: Buffer) => {
        if (!count(index + 1, chunk)) return;
        if (!(next === undefined ? queue.push(chunk) : next.write(chunk))) stage.pause();
      });
      stage.on("end", () => (next === undefined ? finish() : next.end()));
    }
  }

  function finish(): void {
    // A turn later undici has its connection back (it asks for that turn right after this), and a request that follows
    // at once can have it.
    queueMicrotask(() => setImmediate(conclude));
  }

  function conclude(): void {
    if (failure !== undefined) return;
    queue.close();
    onEnd();
  }

  function write(chunk: Buffer): boolean {
    if (!count(0, chunk)) throw failure;
    if (codings.length === 0) return queue.push(chunk);
    if (stages.length === 0) build(chunk);
    return stages[0]?.write(chunk) ?? true;
  }

  function end(): void {
    if (stages[0] === undefined) finish();
    else stages[0].end();
  }

  return { write, end, fail, body: queue, wireBytes: () => counters[0] ?? 0 };
}

function makeStage(coding: string, first: Buffer, isFirst: boolean): Transform {
  switch (coding) {
    case "br":
      return createBrotliDecompress({ chunkSize: STAGE_BYTES });
    case "zstd":
      return createZstdDecompress({ chunkSize: STAGE_BYTES });
    case "deflate":
      // "deflate" is zlib's format by RFC 9110, and the bare one by some servers: the first byte's method nibble tells.
      return isFirst && ((first[0] ?? 0) & 0x0f) !== 0x08
        ? createInflateRaw({ chunkSize: STAGE_BYTES })
        : createInflate({ chunkSize: STAGE_BYTES });
    default:
      return createGunzip({ chunkSize: STAGE_BYTES });
  }
}
