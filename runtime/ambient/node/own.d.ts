// What @types/node exports of modules by the names of its globals, which here are a job's: declared first, so that these stay.

declare module "node:buffer" {
  const Buffer: BufferConstructor;
  type Buffer<Bytes extends ArrayBufferLike = ArrayBufferLike> = globalThis.Buffer<Bytes>;

  export { Buffer };
}

declare module "node:process" {
  const process: NodeJS.Process;
  export = process;
}

declare module "node:timers" {
  function setTimeout<Args extends unknown[]>(
    callback: (...args: Args) => void,
    delay?: number,
    ...args: TimerArguments<Args>
  ): NodeJS.Timeout;
  function setInterval<Args extends unknown[]>(
    callback: (...args: Args) => void,
    delay?: number,
    ...args: TimerArguments<Args>
  ): NodeJS.Timeout;
  function setImmediate<Args extends unknown[]>(
    callback: (...args: Args) => void,
    ...args: TimerArguments<Args>
  ): NodeJS.Immediate;
  function clearTimeout(timer: NodeJS.Timeout | string | number | undefined): void;
  function clearInterval(timer: NodeJS.Timeout | string | number | undefined): void;
  function clearImmediate(immediate: NodeJS.Immediate | undefined): void;

  export { clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout };
}

declare module "node:stream/web" {
  export import ByteLengthQueuingStrategy = globalThis.ByteLengthQueuingStrategy;
  export import CompressionStream = globalThis.CompressionStream;
  export import CountQueuingStrategy = globalThis.CountQueuingStrategy;
  export import DecompressionStream = globalThis.DecompressionStream;
  export import ReadableByteStreamController = globalThis.ReadableByteStreamController;
  export import ReadableStream = globalThis.ReadableStream;
  export import ReadableStreamBYOBReader = globalThis.ReadableStreamBYOBReader;
  export import ReadableStreamBYOBRequest = globalThis.ReadableStreamBYOBRequest;
  export import ReadableStreamDefaultController = globalThis.ReadableStreamDefaultController;
  export import ReadableStreamDefaultReader = globalThis.ReadableStreamDefaultReader;
  export import TextDecoderStream = globalThis.TextDecoderStream;
  export import TextEncoderStream = globalThis.TextEncoderStream;
  export import TransformStream = globalThis.TransformStream;
  export import TransformStreamDefaultController = globalThis.TransformStreamDefaultController;
  export import WritableStream = globalThis.WritableStream;
  export import WritableStreamDefaultController = globalThis.WritableStreamDefaultController;
  export import WritableStreamDefaultWriter = globalThis.WritableStreamDefaultWriter;
  export import QueuingStrategy = globalThis.QueuingStrategy;
  export import ReadableStreamReadResult = globalThis.ReadableStreamReadResult;
  export import ReadableWritablePair = globalThis.ReadableWritablePair;
  export import StreamPipeOptions = globalThis.StreamPipeOptions;
  export import Transformer = globalThis.Transformer;
  export import UnderlyingByteSource = globalThis.UnderlyingByteSource;
  export import UnderlyingSink = globalThis.UnderlyingSink;
  export import UnderlyingSource = globalThis.UnderlyingSource;
}
declare module "stream/web" {
  export * from "node:stream/web";
}
