// node:buffer over npm's buffer, with what that lacks: base64url, and the module's later functions.
import { Buffer as NpmBuffer } from "buffer/index.js";
import { nodeError, wrongType } from "./errors.ts";
import { refusing } from "./refuse.ts";
import { web } from "./web.ts";

type BufferEncoding = string | undefined;

/** Node's, in the terms of a realm without Node's types. */
export interface Buffer extends Uint8Array<ArrayBuffer> {
  toString(encoding?: string, start?: number, end?: number): string;
  write(text: string, offset?: number, length?: number, encoding?: string): number;
  equals(other: Uint8Array): boolean;
  copy(target: Uint8Array, targetStart?: number, sourceStart?: number, sourceEnd?: number): number;
  subarray(start?: number, end?: number): Buffer;
  readUIntBE(offset: number, byteLength: number): number;
}

interface BufferConstructor {
  from(value: unknown, encodingOrOffset?: unknown, length?: number): Buffer;
  alloc(size: number, fill?: unknown, encoding?: string): Buffer;
  allocUnsafe(size: number): Buffer;
  allocUnsafeSlow(size: number): Buffer;
  concat(list: readonly Uint8Array[], length?: number): Buffer;
  compare(a: Uint8Array, b: Uint8Array): number;
  isBuffer(value: unknown): value is Buffer;
  isEncoding(name: unknown): boolean;
  byteLength(value: unknown, encoding?: string): number;
  copyBytesFrom(view: ArrayBufferView, offset?: number, length?: number): Buffer;
  prototype: Buffer & Record<string, unknown>;
}

export const Buffer = NpmBuffer as unknown as BufferConstructor;

const isUrlSafe = (encoding: BufferEncoding) => typeof encoding === "string" && encoding.toLowerCase() === "base64url";
const toUrlSafe = (text: string) => text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** npm's errors, with Node's codes. */
function coded<F extends (...args: never[]) => unknown>(make: F): F {
  return ((...args: never[]) => {
    try {
      return make.apply(Buffer, args);
    } catch (error) {
      const { message } = error as Error;
      const code = /^Unknown encoding/.test(message)
        ? "ERR_UNKNOWN_ENCODING"
        : error instanceof RangeError
          ? "ERR_OUT_OF_RANGE"
          : "ERR_INVALID_ARG_TYPE";
      throw nodeError(error instanceof RangeError ? RangeError : TypeError, code, message);
    }
  }) as F;
}

// npm's reads the URL-safe letters as base64 has them, so that writing is a matter of the name; only reading isn't.
function addBase64url(): void {
  const { isEncoding, byteLength } = Buffer;
  const [from, alloc, concat] = [Buffer.from, Buffer.alloc, Buffer.concat].map(coded) as [
    BufferConstructor["from"],
    BufferConstructor["alloc"],
    BufferConstructor["concat"],
  ];
  const { toString: toText, write } = Buffer.prototype;
  const fill = Buffer.prototype.fill as (...args: unknown[]) => Buffer;
  const named = (encoding: BufferEncoding) => (isUrlSafe(encoding) ? "base64" : encoding);
  const statics = {
    from(value: unknown, encodingOrOffset?: unknown, length?: number) {
      const urlSafe = typeof value === "string" && isUrlSafe(encodingOrOffset as BufferEncoding);
      return from.call(Buffer, value, urlSafe ? "base64" : encodingOrOffset, length);
    },
    alloc: (size: number, fill?: unknown, encoding?: string) => alloc(size, fill, named(encoding)),
    concat,
    isEncoding: (name: unknown) => isUrlSafe(name as BufferEncoding) || isEncoding(name),
    byteLength: (value: unknown, encoding?: string) => byteLength(value, named(encoding)),
    copyBytesFrom(view: ArrayBufferView & { length?: number }, offset = 0, length?: number) {
      if (!ArrayBuffer.isView(view)) throw wrongType("view", "an instance of TypedArray", view);
      const { BYTES_PER_ELEMENT: width = 1 } = view as { BYTES_PER_ELEMENT?: number };
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      return from(bytes.slice(offset * width, length === undefined ? undefined : (offset + length) * width));
    },
  };
  const methods = {
    toString(this: Buffer, encoding?: string, start?: number, end?: number) {
      if (!isUrlSafe(encoding)) return toText.call(this, encoding, start, end);
      return toUrlSafe(toText.call(this, "base64", start, end));
    },
    write(this: Buffer, text: string, ...rest: unknown[]) {
      const changed = rest.map((each) => (isUrlSafe(each as BufferEncoding) ? "base64" : each));
      return write.call(this, text, ...(changed as [number]));
    },
    fill(this: Buffer, value: unknown, ...rest: unknown[]) {
      return fill.call(this, value, ...rest.map((each) => (isUrlSafe(each as BufferEncoding) ? "base64" : each)));
    },
  };
  for (const [name, value] of Object.entries(statics)) define(Buffer, name, value);
  for (const [name, value] of Object.entries(methods)) define(Buffer.prototype, name, value);
  define(Buffer.prototype, "toLocaleString", methods.toString);
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true });
}

addBase64url();

/** A view of the same bytes as a Buffer. */
export function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Text by its encoding, or any bytes, as a plain view. */
export function bytesOf(value: unknown, name: string, encoding?: unknown): Uint8Array {
  if (typeof value === "string") return Buffer.from(value, textEncodingOf(encoding));
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw wrongType(name, "of type string or an instance of ArrayBuffer, Buffer, TypedArray, or DataView", value);
}

function textEncodingOf(encoding: unknown): string {
  return typeof encoding === "string" && encoding !== "buffer" ? encoding : "utf8";
}

/** Bytes as a Buffer, or as text where an encoding was asked for. */
export function given(bytes: Uint8Array, encoding: unknown): Buffer | string {
  const buffer = bufferOver(bytes);
  if (encoding === undefined || encoding === null || encoding === "buffer") return buffer;
  if (!Buffer.isEncoding(encoding)) {
    throw nodeError(TypeError, "ERR_UNKNOWN_ENCODING", `Unknown encoding: ${String(encoding)}`);
  }
  return buffer.toString(encoding as string);
}

function decodes(input: ArrayBufferView | ArrayBuffer, label: string): boolean {
  try {
    new web.TextDecoder(label, { fatal: true }).decode(input);
    return true;
  } catch {
    return false;
  }
}

const kMaxLength = 2 ** 31 - 1;
const kStringMaxLength = 2 ** 29 - 24;

const transcodable = new Set(["utf8", "utf-8", "ucs2", "ucs-2", "utf16le", "utf-16le", "latin1", "binary", "ascii"]);

export default {
  Buffer,
  SlowBuffer: function SlowBuffer(size: number) {
    return Buffer.allocUnsafeSlow(size);
  },
  constants: { MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: kStringMaxLength },
  kMaxLength,
  kStringMaxLength,
  INSPECT_MAX_BYTES: 50,
  isUtf8: (input: ArrayBufferView | ArrayBuffer) => decodes(input, "utf-8"),
  isAscii: (input: ArrayBufferView | ArrayBuffer) => bytesOf(input, "input").every((byte) => byte < 128),
  transcode(source: Uint8Array, from: string, to: string): Buffer {
    if (!transcodable.has(from.toLowerCase()) || !transcodable.has(to.toLowerCase())) {
      throw nodeError(Error, "U_ILLEGAL_ARGUMENT_ERROR", "Unable to transcode Buffer [U_ILLEGAL_ARGUMENT_ERROR]");
    }
    const text = bufferOver(source).toString(from);
    const narrow = /^(?:latin1|binary|ascii)$/i.test(to);
    const topmost = /^ascii$/i.test(to) ? 0x7f : 0xff;
    const fitting = (character: string) => ((character.codePointAt(0) ?? 0) > topmost ? "?" : character);
    return Buffer.from(narrow ? Array.from(text, fitting).join("") : text, to);
  },
  atob: (text: string) => web.atob(text),
  btoa: (text: string) => web.btoa(text),
  get Blob() {
    return web.Blob;
  },
  get File() {
    return web.File;
  },
  resolveObjectURL: refusing("buffer.resolveObjectURL", "a job has no object URLs"),
};
