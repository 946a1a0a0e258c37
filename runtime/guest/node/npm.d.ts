// What the layer uses of the npm packages beneath it, which bring no types, or Node's. Loose on purpose: they are called here
// by a handful of files, and held to Node's own answers in tests.

declare module "events/events.js" {
  type Listener = (...args: never[]) => unknown;
  class EventEmitter {
    constructor(options?: object);
    static defaultMaxListeners: number;
    static once(emitter: EventEmitter, name: string | symbol): Promise<unknown[]>;
    on(name: string | symbol, listener: Listener): this;
    once(name: string | symbol, listener: Listener): this;
    off(name: string | symbol, listener: Listener): this;
    addListener(name: string | symbol, listener: Listener): this;
    removeListener(name: string | symbol, listener: Listener): this;
    removeAllListeners(name?: string | symbol): this;
    prependListener(name: string | symbol, listener: Listener): this;
    emit(name: string | symbol, ...args: unknown[]): boolean;
    listenerCount(name: string | symbol): number;
    listeners(name: string | symbol): Listener[];
    rawListeners(name: string | symbol): Listener[];
    eventNames(): (string | symbol)[];
    setMaxListeners(count: number): this;
    getMaxListeners(): number;
  }
  export default EventEmitter;
}

declare module "readable-stream/lib/stream.js" {
  import type EventEmitter from "events/events.js";

  type Callback = (error?: unknown) => void;
  export class Stream extends EventEmitter {
    pipe<T>(destination: T, options?: object): T;
    [name: string]: unknown;
  }
  export class Readable extends Stream {
    constructor(options?: object);
    static from(source: unknown, options?: object): Readable;
    static fromWeb(stream: unknown, options?: object): Readable;
    static toWeb(stream: Readable, options?: object): unknown;
    readable: boolean;
    readonly readableEnded: boolean;
    destroyed: boolean;
    push(chunk: unknown, encoding?: string): boolean;
    read(size?: number): unknown;
    pause(): this;
    resume(): this;
    unpipe(destination?: unknown): this;
    setEncoding(encoding: string): this;
    destroy(error?: unknown): this;
    _read(size: number): void;
    _destroy(error: unknown, callback: Callback): void;
    [Symbol.asyncIterator](): AsyncIterableIterator<unknown>;
  }
  export class Writable extends Stream {
    constructor(options?: object);
    writable: boolean;
    readonly writableEnded: boolean;
    readonly writableFinished: boolean;
    readonly writableNeedDrain: boolean;
    destroyed: boolean;
    write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean;
    end(chunk?: unknown, encoding?: unknown, callback?: unknown): this;
    destroy(error?: unknown): this;
    _write(chunk: unknown, encoding: string, callback: Callback): void;
    _writev?(chunks: { chunk: unknown; encoding: string }[], callback: Callback): void;
    _final(callback: Callback): void;
    _destroy(error: unknown, callback: Callback): void;
  }
  export class Duplex extends Readable {
    readonly writableEnded: boolean;
    readonly writableFinished: boolean;
    writable: boolean;
    write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean;
    end(chunk?: unknown, encoding?: unknown, callback?: unknown): this;
    _write(chunk: unknown, encoding: string, callback: Callback): void;
    _final(callback: Callback): void;
  }
  export class Transform extends Duplex {
    _transform(chunk: unknown, encoding: string, callback: (error?: unknown, chunk?: unknown) => void): void;
    _flush(callback: (error?: unknown, chunk?: unknown) => void): void;
  }
  export class PassThrough extends Transform {}
  export function finished(stream: unknown, ...rest: unknown[]): () => void;
  export function pipeline(...streams: unknown[]): unknown;
  export function compose(...streams: unknown[]): Duplex;
  export function addAbortSignal<T>(signal: unknown, stream: T): T;
  export const promises: {
    pipeline(...streams: unknown[]): Promise<void>;
    finished(stream: unknown, options?: object): Promise<void>;
  };
  const stream: typeof Stream & { setDefaultHighWaterMark(objectMode: boolean, value: number): void };
  export default stream;
}

declare module "string_decoder/lib/string_decoder.js" {
  export class StringDecoder {
    constructor(encoding?: string);
    encoding: string;
    write(bytes: Uint8Array | string): string;
    end(bytes?: Uint8Array | string): string;
  }
}

declare module "path-browserify/index.js" {
  const path: {
    sep: string;
    delimiter: string;
    resolve(...parts: string[]): string;
    normalize(path: string): string;
    isAbsolute(path: string): boolean;
    join(...parts: string[]): string;
    relative(from: string, to: string): string;
    dirname(path: string): string;
    basename(path: string, suffix?: string): string;
    extname(path: string): string;
    format(parts: object): string;
    parse(path: string): { root: string; dir: string; base: string; ext: string; name: string };
    posix: unknown;
    win32: unknown;
  };
  export default path;
}

declare module "url/url.js" {
  interface Legacy {
    parse(url: string, parseQuery?: boolean, slashesDenoteHost?: boolean): Record<string, unknown>;
    format(url: unknown): string;
    resolve(from: string, to: string): string;
    resolveObject(from: unknown, to: unknown): unknown;
    Url: unknown;
  }
  const url: Legacy;
  export default url;
}

declare module "punycode/punycode.js" {
  const punycode: {
    encode(text: string): string;
    decode(text: string): string;
    toASCII(text: string): string;
    toUnicode(text: string): string;
    ucs2: object;
    version: string;
  };
  export default punycode;
}

/** Of the Node that runs the executors, put in when the layer is built (adapters/system/node-layer.ts). */
declare module "mayfly:constants/zlib" {
  const constants: Readonly<Record<string, number>>;
  export default constants;
}
declare module "mayfly:constants/fs" {
  const constants: Readonly<Record<string, number>>;
  export default constants;
}
declare module "mayfly:constants/crypto" {
  const constants: Readonly<Record<string, number | string>>;
  export default constants;
}
declare module "mayfly:constants/os" {
  const constants: {
    readonly signals: Readonly<Record<string, number>>;
    readonly errno: Readonly<Record<string, number>>;
    readonly priority: Readonly<Record<string, number>>;
    readonly dlopen: Readonly<Record<string, number>>;
    readonly UV_UDP_REUSEADDR: number;
  };
  export default constants;
}
declare module "mayfly:constants/http" {
  const constants: { readonly METHODS: readonly string[]; readonly STATUS_CODES: Readonly<Record<string, string>> };
  export default constants;
}
declare module "mayfly:constants/process" {
  const constants: { readonly versions: Readonly<Record<string, string>>; readonly arch: string };
  export default constants;
}
declare module "mayfly:constants/module" {
  const constants: { readonly builtinModules: readonly string[] };
  export default constants;
}
