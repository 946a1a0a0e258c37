// The web's globals as the layer uses them, looked up when they are used: a bundle may have replaced one (async_hooks.ts
// does), and not every guest has every one of them.

export interface ReadableStreamLike {
  getReader(): {
    read(): Promise<{ done: boolean; value?: unknown }>;
    cancel(reason?: unknown): Promise<void>;
    releaseLock(): void;
  };
  cancel(reason?: unknown): Promise<void>;
}

export interface WritableStreamLike {
  getWriter(): {
    readonly ready: Promise<unknown>;
    readonly closed: Promise<unknown>;
    write(chunk: unknown): Promise<void>;
    close(): Promise<void>;
    abort(reason?: unknown): Promise<void>;
  };
}

export interface StreamController {
  readonly desiredSize: number | null;
  enqueue(chunk: unknown): void;
  close(): void;
  error(reason?: unknown): void;
}

export interface SignalLike {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: (event: unknown) => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: (event: unknown) => void): void;
}

export interface HeadersLike extends Iterable<readonly [string, string]> {
  getSetCookie(): string[];
}

export interface ResponseLike {
  readonly status: number;
  readonly statusText: string;
  readonly headers: HeadersLike;
  readonly body: ReadableStreamLike | null;
  readonly url: string;
}

export interface URLLike {
  href: string;
  protocol: string;
  username: string;
  password: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  hash: string;
  readonly origin: string;
  toString(): string;
}

interface Web {
  setTimeout(callback: (...args: never[]) => void, delayMs?: number, ...args: unknown[]): number;
  setInterval(callback: (...args: never[]) => void, delayMs?: number, ...args: unknown[]): number;
  clearTimeout(id: unknown): void;
  clearInterval(id: unknown): void;
  queueMicrotask(callback: () => void): void;
  fetch(url: string, init?: object): Promise<ResponseLike>;
  atob(text: string): string;
  btoa(text: string): string;
  crypto: { getRandomValues<T extends ArrayBufferView>(view: T): T; randomUUID(): string; subtle?: object };
  console: Record<"debug" | "log" | "warn" | "error", (...args: unknown[]) => void>;
  performance?: { now(): number };
  URL: {
    new (url: string, base?: string | URLLike): URLLike;
    canParse(url: string, base?: string): boolean;
    prototype: URLLike;
  };
  URLSearchParams: new (init?: unknown) => { toString(): string };
  TextEncoder: new () => { encode(text?: string): Uint8Array };
  TextDecoder: new (
    label?: string,
    options?: { fatal?: boolean; ignoreBOM?: boolean },
  ) => { decode(bytes?: ArrayBufferView | ArrayBuffer, options?: { stream?: boolean }): string };
  AbortController: new () => { readonly signal: SignalLike; abort(reason?: unknown): void };
  AbortSignal: { prototype: SignalLike };
  Blob?: new (parts: unknown[], options?: object) => object;
  File?: new (parts: unknown[], name: string, options?: object) => object;
  ReadableStream: new (source: object, strategy?: object) => ReadableStreamLike;
  WritableStream: new (sink: object, strategy?: object) => WritableStreamLike;
  Event: new (type: string) => object;
  EventTarget: new () => object;
  [name: string]: unknown;
}

export const web = globalThis as unknown as Web;
