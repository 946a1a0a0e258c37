// node:stream/consumers: the whole of a stream as one value.
import { Buffer } from "./buffer.ts";
import { web } from "./web.ts";

type Source = AsyncIterable<Uint8Array | string>;

async function buffer(stream: Source): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(typeof piece === "string" ? Buffer.from(piece) : Buffer.from(piece));
  return Buffer.concat(pieces);
}

async function text(stream: Source): Promise<string> {
  return new web.TextDecoder().decode(await buffer(stream));
}

async function arrayBuffer(stream: Source): Promise<ArrayBufferLike> {
  const whole = await buffer(stream);
  return whole.buffer.slice(whole.byteOffset, whole.byteOffset + whole.byteLength);
}

async function blob(stream: Source): Promise<object> {
  if (web.Blob === undefined) throw new TypeError("there is no Blob in this guest");
  return new web.Blob([await buffer(stream)]);
}

export default {
  buffer,
  text,
  arrayBuffer,
  blob,
  bytes: async (stream: Source) => new Uint8Array(await arrayBuffer(stream)),
  json: async (stream: Source) => JSON.parse(await text(stream)) as unknown,
};
