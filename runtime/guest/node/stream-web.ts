// node:stream/web: the web's streams, which are globals here as there.
import { web } from "./web.ts";

const names = [
  "ReadableStream",
  "ReadableStreamDefaultReader",
  "ReadableStreamBYOBReader",
  "ReadableStreamBYOBRequest",
  "ReadableByteStreamController",
  "ReadableStreamDefaultController",
  "TransformStream",
  "TransformStreamDefaultController",
  "WritableStream",
  "WritableStreamDefaultController",
  "WritableStreamDefaultWriter",
  "ByteLengthQueuingStrategy",
  "CountQueuingStrategy",
  "TextEncoderStream",
  "TextDecoderStream",
  "CompressionStream",
  "DecompressionStream",
];

// Looked up when asked for: the guest makes its streams at their first use.
export default Object.defineProperties(
  {},
  Object.fromEntries(names.map((name) => [name, { get: () => web[name], enumerable: true, configurable: true }])),
);
