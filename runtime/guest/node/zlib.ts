// node:zlib, computed by the executor: whole, at once or later, and as streams, whose state lies there and whose output is
// fetched as it is read.
import constants from "mayfly:constants/zlib";
import { Buffer, bufferOver, bytesOf } from "./buffer.ts";
import { callBack, compute, computeLater, outOfRange, requireCallback } from "./errors.ts";
import { host } from "./host.ts";
import { Transform } from "./stream.ts";

interface Options {
  [name: string]: unknown;
  dictionary?: unknown;
  flush?: number;
  maxOutputLength?: number;
}

type Callback = (error?: unknown, chunk?: unknown) => void;

/** For the executor; without what is for the stream alone. */
function sent(options: Options = {}): object {
  const { dictionary, level, windowBits, memLevel, strategy, flush, finishFlush, chunkSize, params, maxOutputLength } =
    options;
  if (maxOutputLength !== undefined && !(maxOutputLength >= 1))
    throw outOfRange("options.maxOutputLength", ">= 1 && <= 9007199254740991", maxOutputLength);
  const plain = { level, windowBits, memLevel, strategy, flush, finishFlush, chunkSize, params, maxOutputLength };
  if (dictionary === undefined) return plain;
  return { ...plain, dictionary: Buffer.from(bytesOf(dictionary, "options.dictionary")).toString("base64") };
}

/** One call's input; a stream sends more in pieces. */
const pieceBytesMax = 262_144;
const codeNames = /^Z_(?:OK|STREAM_END|NEED_DICT|ERRNO|[A-Z]+_ERROR)$/;
const codes = new Map(Object.entries(constants).filter(([name]) => codeNames.test(name)));

/** Node's errors of zlib have the number beside the name. */
function numbered(error: unknown): unknown {
  const { code } = error as { code?: string };
  const number = codes.get(code ?? "");
  return number === undefined || error === null ? error : Object.assign(error as object, { errno: number });
}

class Zlib extends Transform {
  readonly #id: number;
  #isClosed = false;
  readonly #flush: number | undefined;
  /** Bytes that were put in. */
  bytesWritten = 0;

  constructor(method: string, options: Options = {}) {
    super(options);
    this.#id = compute("node.zlib.open", { method, options: sent(options) }).value as number;
    this.#flush = options.flush;
  }

  async #turn(args: object, bytes: Uint8Array): Promise<void> {
    let [asked, given] = [args, bytes];
    for (;;) {
      const answer = await computeLater("node.zlib.turn", { ...asked, id: this.#id }, given);
      if (answer.bytes.length > 0) this.push(bufferOver(answer.bytes));
      if (!(answer.value as { more: boolean }).more) return;
      [asked, given] = [{}, new Uint8Array(0)];
    }
  }
  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += pieceBytesMax) {
      const piece = bytes.subarray(at, at + pieceBytesMax);
      await this.#turn({}, piece);
      this.bytesWritten += piece.length;
    }
    if (this.#flush !== undefined && this.#flush !== constants.Z_NO_FLUSH)
      await this.#turn({ flush: this.#flush }, new Uint8Array(0));
  }
  override _transform(chunk: unknown, encoding: string, callback: Callback): void {
    this.#write(bytesOf(chunk, "chunk", encoding)).then(
      () => callback(),
      (error: unknown) => callback(numbered(error)),
    );
  }
  override _flush(callback: Callback): void {
    this.#turn({ end: true }, new Uint8Array(0)).then(
      () => callback(),
      (error: unknown) => callback(numbered(error)),
    );
  }
  override _destroy(error: unknown, callback: Callback): void {
    if (!this.#isClosed) host.compute("node.zlib.close", { id: this.#id });
    this.#isClosed = true;
    callback(error);
  }
  /** What was written so far can then be decompressed. */
  flush(...args: unknown[]): void {
    const done = args.find((each) => typeof each === "function") as (() => void) | undefined;
    const kind = typeof args[0] === "number" ? args[0] : this.flushKind();
    const start = () =>
      this.#turn({ flush: kind }, new Uint8Array(0)).then(
        () => done?.(),
        (error: unknown) => void this.destroy(error),
      );
    // After what was written before.
    this.write(new Uint8Array(0), undefined, () => void start());
  }
  protected flushKind(): number {
    return constants.Z_FULL_FLUSH ?? 3;
  }
  close(callback?: () => void): void {
    if (callback !== undefined) this.once("close", callback);
    this.destroy();
  }
  params(_level: number, _strategy: number, callback: Callback): void {
    callback();
  }
}

class Brotli extends Zlib {
  protected override flushKind(): number {
    return constants.BROTLI_OPERATION_FLUSH ?? 1;
  }
}

function classOf(method: string, Base: typeof Zlib) {
  return class extends Base {
    constructor(options?: Options) {
      super(method, options);
    }
  };
}

/** As in Node. */
function alsoWithoutNew(Class: ReturnType<typeof classOf>): object {
  function made(options?: Options): unknown {
    return Reflect.construct(Class, [options], new.target ?? Class);
  }
  Object.defineProperty(made, "name", { value: Class.name });
  return Object.assign(Object.setPrototypeOf(made, Class), { prototype: Class.prototype });
}

const table = {
  Gzip: "gzip",
  Gunzip: "gunzip",
  Deflate: "deflate",
  Inflate: "inflate",
  DeflateRaw: "deflateRaw",
  InflateRaw: "inflateRaw",
  Unzip: "unzip",
  BrotliCompress: "brotliCompress",
  BrotliDecompress: "brotliDecompress",
  ZstdCompress: "zstdCompress",
  ZstdDecompress: "zstdDecompress",
} as const;

function atOnce(method: string) {
  return (input: unknown, options?: Options): Buffer => {
    try {
      return bufferOver(compute("node.zlib", { method, options: sent(options) }, bytesOf(input, "buffer")).bytes);
    } catch (error) {
      throw numbered(error);
    }
  };
}

function later(method: string) {
  return (input: unknown, ...rest: unknown[]): void => {
    const callback = rest.pop();
    requireCallback(callback);
    const bytes = bytesOf(input, "buffer");
    const made = computeLater("node.zlib", { method, options: sent(rest[0] as Options | undefined) }, bytes);
    callBack(
      made.then(
        (answer) => bufferOver(answer.bytes),
        (error: unknown) => {
          throw numbered(error);
        },
      ),
      callback,
    );
  };
}

const members: Record<string, unknown> = {};
for (const [name, method] of Object.entries(table)) {
  const Class = classOf(method, /^(?:brotli|zstd)/.test(method) ? Brotli : Zlib);
  Object.defineProperty(Class, "name", { value: name });
  members[name] = alsoWithoutNew(Class);
  members[`create${name}`] = (options?: Options) => new Class(options);
  members[`${method}Sync`] = atOnce(method);
  members[method] = later(method);
}

function crc32(data: unknown, from = 0): number {
  const bytes = bytesOf(data, "data");
  let value = from;
  for (let at = 0; at < bytes.length; at += pieceBytesMax * 16) {
    value = compute("node.zlib.crc32", { from: value }, bytes.subarray(at, at + pieceBytesMax * 16)).value as number;
  }
  return value;
}

export default {
  ...members,
  crc32,
  constants,
  /** Node has the older ones at the top too. */
  ...Object.fromEntries(Object.entries(constants).filter(([name]) => !/^(?:BROTLI|ZSTD)_/.test(name))),
  codes: Object.freeze(
    Object.fromEntries(
      [...codes].flatMap(([name, code]) => [
        [name, code],
        [code, name],
      ]),
    ),
  ),
};
