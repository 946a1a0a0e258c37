// Streams (https://streams.spec.whatwg.org/), from web-streams-polyfill: evaluated when a job first names one, since most
// jobs read their bodies whole and shall not pay for it while an executor warms.
import type * as Streams from "web-streams-polyfill";

declare const require: (name: "web-streams-polyfill") => typeof Streams;

let loaded: typeof Streams | undefined;

export function streams(): typeof Streams {
  loaded ??= finished(require("web-streams-polyfill"));
  return loaded;
}

function finished(polyfill: typeof Streams): typeof Streams {
  finishIterators(polyfill);
  finishPipes(polyfill);
  return polyfill;
}

// Its iterators have a prototype that stands beside the language's own for such.
function finishIterators(polyfill: typeof Streams): void {
  const iterators = Object.getPrototypeOf(new polyfill.ReadableStream().values());
  const asyncIterators = Object.getPrototypeOf(Object.getPrototypeOf((async function* () {})()));
  Object.setPrototypeOf(iterators, Object.getPrototypeOf(asyncIterators));
}

/** What a pipe waits with for its source's next chunk, by the polyfill's own names. */
interface PipeRead {
  _state: { _writer: { _ownerWritableStream?: unknown } };
  _chunkSteps(chunk: unknown): void;
}

// Its pipes call a sink's write() within the source's enqueue(). The standard has that happen after it, in a microtask
// (https://streams.spec.whatwg.org/#readable-stream-pipe-to): a source that is in the middle of something must not be
// called back. No other chunk overtakes this one, since the pipe asks for the next one when this one is written; and an
// end that comes after it finds it written, since its steps were asked for later. Only where the pipe had ended before, and
// has let go of its writer, is there nobody left to write to.
function finishPipes({ ReadableStream, WritableStream }: typeof Streams): void {
  const source = new ReadableStream();
  void source.pipeTo(new WritableStream());
  const { _reader } = source as unknown as { _reader: { _readRequests: { peek(): PipeRead } } };
  const reads: PipeRead = Object.getPrototypeOf(_reader._readRequests.peek());
  const { _chunkSteps: write } = reads;
  reads._chunkSteps = function (chunk) {
    queueMicrotask(() => {
      if (this._state._writer._ownerWritableStream !== undefined) write.call(this, chunk);
    });
  };
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
