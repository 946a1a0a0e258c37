// TextEncoder and TextDecoder (https://encoding.spec.whatwg.org/): the coding is @exodus/bytes's, the
// interfaces' shape is ours. Also handed to the guest's own packages while it is built, since the isolate has none when
// they are evaluated. The tables of the legacy multi-byte encodings are unpacked when a job first names one of these.
import { TextDecoder as Decoder, TextEncoder as Encoder, normalizeEncoding } from "@exodus/bytes/encoding-lite.js";
import { asInterface, requireArguments, toDictionary, toDomString } from "./webidl.ts";

declare const require: (name: "mayfly:multi-byte") => unknown;

const multiByte = ["big5", "euc-jp", "euc-kr", "gb18030", "gbk", "iso-2022-jp", "shift_jis"];

const utf8Encoder = new Encoder();
const utf8Decoder = new Decoder();
const strictDecoder = new Decoder("utf-8", { fatal: true });

export function encodeUtf8(text: string): Uint8Array {
  return utf8Encoder.encode(text);
}

export function decodeUtf8(bytes: Uint8Array): string {
  return utf8Decoder.decode(bytes);
}

/** @throws TypeError for bytes that are no UTF-8. */
export function decodeStrictUtf8(bytes: Uint8Array): string {
  return strictDecoder.decode(bytes);
}

export class TextEncoder {
  readonly #encoder = new Encoder();
  get encoding(): string {
    return this.#encoder.encoding;
  }
  encode(input: string = ""): Uint8Array {
    return this.#encoder.encode(toDomString(input));
  }
  encodeInto(source: string, destination: Uint8Array): { read: number; written: number } {
    requireArguments(arguments.length, 2, "encodeInto");
    return this.#encoder.encodeInto(toDomString(source), destination);
  }
}
asInterface("TextEncoder", TextEncoder);

export interface DecoderOptions {
  fatal?: boolean;
  ignoreBOM?: boolean;
}

export function makeDecoder(label: unknown, options: unknown): InstanceType<typeof Decoder> {
  const name = toDomString(label);
  const { fatal, ignoreBOM } = toDictionary(options, "a TextDecoder's options");
  const encoding = normalizeEncoding(name.replace(/^[\t\n\f\r ]+|[\t\n\f\r ]+$/g, ""));
  if (encoding === null || encoding === "replacement")
    throw new RangeError(`"${name.slice(0, 40)}" is no encoding that can be decoded`);
  if (multiByte.includes(encoding)) require("mayfly:multi-byte");
  return new Decoder(encoding, { fatal: Boolean(fatal), ignoreBOM: Boolean(ignoreBOM) });
}

export class TextDecoder {
  readonly #decoder: InstanceType<typeof Decoder>;
  constructor(label: string = "utf-8", options: DecoderOptions = {}) {
    this.#decoder = makeDecoder(label, options);
  }
  get encoding(): string {
    return this.#decoder.encoding;
  }
  get fatal(): boolean {
    return this.#decoder.fatal;
  }
  get ignoreBOM(): boolean {
    return this.#decoder.ignoreBOM;
  }
  decode(input: ArrayBuffer | ArrayBufferView | undefined = undefined, options: { stream?: boolean } = {}): string {
    const { stream } = toDictionary(options, "decode's options");
    return this.#decoder.decode(input as ArrayBuffer | undefined, { stream: Boolean(stream) });
  }
}
asInterface("TextDecoder", TextDecoder);

/** The bytes of a chunk, as streams of bytes take it; shared memory only where it may be. @throws TypeError. */
export function toBytes(chunk: unknown, mayBeShared = false): Uint8Array {
  const buffer = ArrayBuffer.isView(chunk) ? chunk.buffer : chunk;
  if (buffer instanceof ArrayBuffer && buffer.detached) return new Uint8Array(0);
  const isShared = typeof SharedArrayBuffer === "function" && buffer instanceof SharedArrayBuffer;
  if (isShared && !mayBeShared) throw new TypeError("a chunk of shared memory is not taken");
  if (isShared && !ArrayBuffer.isView(chunk)) return new Uint8Array(buffer);
  if (chunk instanceof Uint8Array) return chunk;
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  throw new TypeError("a chunk is an ArrayBuffer or a view of one");
}
