// A response's body as it comes: counted, decompressed, counted again. Every stage's bytes are bounded, so that neither
// a bomb, nor a bomb in a bomb, nor a stream that inflates to nothing can pass the limit or go on for ever.
import type { Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from "node:zlib";
import { ExchangeFailure } from "../../ports/http-client.ts";

/** More codings than this on one body serve no honest server. */
const CODINGS_MAX = 2;

export interface BodySink {
  /** False: don't send more until `onDrain` was called. Throws ExchangeFailure `response_size`. */
  write(chunk: Buffer): boolean;
  /** Resolves with the whole body. Rejects with ExchangeFailure `response_size`, `net_protocol`. */
  end(): Promise<Uint8Array>;
  /** Ends all stages; nothing more comes. */
  destroy(): void;
  /** As they came over the wire. */
  wireBytes(): number;
}

export interface SinkParts {
  /** Codings in the order in which they were applied, lower case; empty for none. */
  codings: readonly string[];
  /** For each stage. */
  bytesMax: number;
  onDrain(): void;
  /** A stage failed or passed the limit; also what `end` rejects with. */
  onFailure(failure: ExchangeFailure): void;
}

const codingNames = new Set(["gzip", "x-gzip", "deflate", "br", "zstd"]);

/** What the client tells servers that it takes. */
export const acceptedCodings = "gzip, deflate, br, zstd";

/**
 * The codings of a response, or undefined when one of them is unknown: then the body goes to the job as it came.
 * @throws ExchangeFailure `net_protocol` for too many.
 */
export function readCodings(headers: readonly (readonly [string, string])[]): string[] | undefined {
  const names = headers
    .filter(([name]) => name === "content-encoding")
    .flatMap(([, value]) => value.toLowerCase().split(","))
    .map((name) => name.trim())
    .filter((name) => name !== "" && name !== "identity");
  if (names.length > CODINGS_MAX) throw new ExchangeFailure("net_protocol", "too many content codings");
  return names.every((name) => codingNames.has(name)) ? names : undefined;
}

export function makeBodySink({ codings, bytesMax, onDrain, onFailure }: SinkParts): BodySink {
  const chunks: Buffer[] = [];
  const counters = new Array<number>(codings.length + 1).fill(0);
  const stages: Transform[] = [];
  let failure: ExchangeFailure | undefined;
  let done: ((body: Uint8Array) => void) | undefined;
  let failed: ((failure: ExchangeFailure) => void) | undefined;

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
    destroy();
    onFailure(reason);
    failed?.(reason);
  }

  function destroy(): void {
    chunks.length = 0;
    for (const stage of stages) stage.destroy();
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
        if (next === undefined) chunks.push(chunk);
        else if (!next.write(chunk)) stage.pause();
      });
      stage.on("end", () => (next === undefined ? finish() : next.end()));
    }
  }

  function finish(): void {
    if (failure === undefined) done?.(Buffer.concat(chunks));
  }

  function write(chunk: Buffer): boolean {
    if (!count(0, chunk)) throw failure;
    if (codings.length === 0) {
      chunks.push(Buffer.from(chunk)); // undici may use its buffer again
      return true;
    }
    if (stages.length === 0) build(chunk);
    return stages[0]?.write(Buffer.from(chunk)) ?? true;
  }

  function end(): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (failure !== undefined) return reject(failure);
      done = resolve;
      failed = reject;
      if (stages[0] === undefined) finish();
      else stages[0].end();
    });
  }

  return { write, end, destroy, wireBytes: () => counters[0] ?? 0 };
}

function makeStage(coding: string, first: Buffer, isFirst: boolean): Transform {
  switch (coding) {
    case "br":
      return createBrotliDecompress();
    case "zstd":
      return createZstdDecompress();
    case "deflate":
      // "deflate" is zlib's format by RFC 9110, and the bare one by some servers: the first byte's method nibble tells.
      return isFirst && ((first[0] ?? 0) & 0x0f) !== 0x08 ? createInflateRaw() : createInflate();
    default:
      return createGunzip();
  }
}
