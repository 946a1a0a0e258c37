// Between Node's streams and the web's: Readable.toWeb and its five siblings. Each keeps the back-pressure of what it reads.
import { Duplex, Readable, Writable } from "readable-stream/lib/stream.js";
import { type ReadableStreamLike, type StreamController, type WritableStreamLike, web } from "./web.ts";

interface DuplexLike {
  readable: ReadableStreamLike;
  writable: WritableStreamLike;
}

function readableToWeb(stream: Readable): ReadableStreamLike {
  const iterator = stream[Symbol.asyncIterator]();
  return new web.ReadableStream(
    {
      async pull(controller: StreamController) {
        const { done, value } = await iterator.next();
        if (done) return controller.close();
        // A plain view: what reads the web's streams knows no Buffer.
        const bytes = value instanceof Uint8Array;
        controller.enqueue(bytes ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : value);
      },
      cancel(reason: unknown) {
        stream.destroy(reason instanceof Error ? reason : undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

function readerOf(stream: ReadableStreamLike) {
  const reader = stream.getReader();
  return {
    read(this: Readable): void {
      reader.read().then(
        ({ done, value }) => void this.push(done ? null : value),
        (error: unknown) => void this.destroy(error),
      );
    },
    destroy(this: Readable, error: unknown, callback: (error?: unknown) => void): void {
      const done = () => callback(error);
      reader.cancel(error).then(done, done);
    },
  };
}

function writerOf(stream: WritableStreamLike) {
  const writer = stream.getWriter();
  writer.closed.catch(() => {}); // is told by write and close
  return {
    write(chunk: unknown, _: string, callback: (error?: unknown) => void): void {
      writer.ready.then(() => writer.write(chunk)).then(() => callback(), callback);
    },
    final(callback: (error?: unknown) => void): void {
      writer.close().then(() => callback(), callback);
    },
    destroy(error: unknown, callback: (error?: unknown) => void): void {
      const done = () => callback(error);
      if (error === null || error === undefined) done();
      else writer.abort(error).then(done, done);
    },
  };
}

function writableToWeb(stream: Writable): WritableStreamLike {
  return new web.WritableStream({
    start(controller: StreamController) {
      stream.on("error", (error: unknown) => controller.error(error));
    },
    write(chunk: unknown) {
      if (stream.write(chunk)) return undefined;
      return new Promise<void>((resolve, reject) => {
        stream.once("drain", resolve);
        stream.once("close", () => reject(new Error("the stream was closed")));
      });
    },
    close: () => new Promise<void>((resolve) => void stream.end(() => resolve())),
    abort: (reason: unknown) => void stream.destroy(reason),
  });
}

export const bridges = {
  readableToWeb,
  writableToWeb,
  readableFromWeb: (stream: ReadableStreamLike, options: object = {}) =>
    new Readable({ ...options, ...readerOf(stream) }),
  writableFromWeb: (stream: WritableStreamLike, options: object = {}) =>
    new Writable({ ...options, ...writerOf(stream) }),
  duplexToWeb: (stream: Duplex): DuplexLike => ({
    readable: readableToWeb(stream),
    writable: writableToWeb(stream as unknown as Writable),
  }),
  duplexFromWeb(pair: DuplexLike, options: object = {}): Duplex {
    const [reader, writer] = [readerOf(pair.readable), writerOf(pair.writable)];
    return new Duplex({
      ...options,
      read: reader.read,
      write: writer.write,
      final: writer.final,
      destroy(this: Duplex, error: unknown, callback: (error?: unknown) => void) {
        writer.destroy(error, () => reader.destroy.call(this, error, callback));
      },
    });
  },
};
