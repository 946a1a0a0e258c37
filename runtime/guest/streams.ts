// Streams (https://streams.spec.whatwg.org/), from web-streams-polyfill: evaluated when a job first names one, since most
// jobs read their bodies whole and shall not pay for it while an executor warms.
import type * as Streams from "web-streams-polyfill";

declare const require: (name: "web-streams-polyfill") => typeof Streams;

let loaded: typeof Streams | undefined;

export function streams(): typeof Streams {
  loaded ??= finished(require("web-streams-polyfill"));
  return loaded;
}

// Its iterators have a prototype that stands beside the language's own for such.
function finished(polyfill: typeof Streams): typeof Streams {
  const iterators = Object.getPrototypeOf(new polyfill.ReadableStream().values());
  const asyncIterators = Object.getPrototypeOf(Object.getPrototypeOf((async function* () {})()));
  Object.setPrototypeOf(iterators, Object.getPrototypeOf(asyncIterators));
  return polyfill;
}

/** The globals of the standard that come with it. */
export const streamGlobals = [
  "ReadableStream",
  "ReadableStreamDefaultController",
  "ReadableByteStreamController",
  "ReadableStreamBYOBRequest",
  "ReadableStreamDefaultReader",
  "ReadableStreamBYOBReader",
  "WritableStream",
  "WritableStreamDefaultController",
  "WritableStreamDefaultWriter",
  "ByteLengthQueuingStrategy",
  "CountQueuingStrategy",
  "TransformStream",
  "TransformStreamDefaultController",
] as const;

export function isReadableStream(value: unknown): value is Streams.ReadableStream<unknown> {
  return loaded !== undefined && value instanceof loaded.ReadableStream;
}
