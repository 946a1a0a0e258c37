// fetch, Headers, Request and Response as far as buffered bodies go (https://fetch.spec.whatwg.org/). Streams, FormData
// and Blob come with the full web API. What may be reached, and every redirect, is decided outside.
import type { AbortSignal } from "./abort.ts";
import { decodeUtf8, encodeUtf8 } from "./encoding.ts";
import { DOMException } from "./events.ts";
import { call, post } from "./mailbox.ts";
import { type GuestURL, URL, URLSearchParams } from "./url.ts";

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

type HeadersInit = Headers | Iterable<readonly [string, string]> | Record<string, string>;

export class Headers {
  readonly #fields = new Map<string, string[]>();

  constructor(init?: HeadersInit | null) {
    if (init === undefined || init === null) return;
    const pairs = Symbol.iterator in init ? init : Object.entries(init);
    for (const [name, value] of pairs as Iterable<readonly [string, string]>) this.append(name, value);
  }
  append(name: string, value: string): void {
    const key = normalizeName(name);
    this.#fields.set(key, [...(this.#fields.get(key) ?? []), normalizeValue(value)]);
  }
  set(name: string, value: string): void {
    this.#fields.set(normalizeName(name), [normalizeValue(value)]);
  }
  delete(name: string): void {
    this.#fields.delete(normalizeName(name));
  }
  get(name: string): string | null {
    return this.#fields.get(normalizeName(name))?.join(", ") ?? null;
  }
  has(name: string): boolean {
    return this.#fields.has(normalizeName(name));
  }
  getSetCookie(): string[] {
    return [...(this.#fields.get("set-cookie") ?? [])];
  }
  *entries(): IterableIterator<[string, string]> {
    for (const name of [...this.#fields.keys()].sort()) {
      const values = this.#fields.get(name) ?? [];
      if (name === "set-cookie") for (const value of values) yield [name, value];
      else yield [name, values.join(", ")];
    }
  }
  *keys(): IterableIterator<string> {
    for (const [name] of this.entries()) yield name;
  }
  *values(): IterableIterator<string> {
    for (const [, value] of this.entries()) yield value;
  }
  forEach(callback: (value: string, name: string, headers: Headers) => void, thisArg?: unknown): void {
    for (const [name, value] of this.entries()) callback.call(thisArg, value, name, this);
  }
  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }
}

function normalizeName(name: string): string {
  const text = String(name);
  if (!token.test(text)) throw new TypeError(`"${text.slice(0, 40)}" is no header name`);
  return text.toLowerCase();
}

function normalizeValue(value: string): string {
  const text = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  if (/[\0\r\n]|[^\0-\xff]/.test(text)) throw new TypeError("a header value has a character that HTTP can't carry");
  return text;
}

type BodyInit = string | Uint8Array | ArrayBuffer | ArrayBufferView | { toString(): string } | null | undefined;

interface ExtractedBody {
  bytes: Uint8Array | null;
  contentType: string | null;
}

function extractBody(body: BodyInit): ExtractedBody {
  if (body === null || body === undefined) return { bytes: null, contentType: null };
  if (body instanceof Uint8Array) return { bytes: body, contentType: null };
  if (body instanceof ArrayBuffer) return { bytes: new Uint8Array(body), contentType: null };
  if (ArrayBuffer.isView(body))
    return { bytes: new Uint8Array(body.buffer, body.byteOffset, body.byteLength), contentType: null };
  if (body instanceof URLSearchParams) {
    return { bytes: encodeUtf8(body.toString()), contentType: "application/x-www-form-urlencoded;charset=UTF-8" };
  }
  if (typeof body === "object" && (Symbol.asyncIterator in body || "getReader" in body)) {
    throw new TypeError("a streaming body is not supported: give a string or bytes");
  }
  return { bytes: encodeUtf8(String(body)), contentType: "text/plain;charset=UTF-8" };
}

class Body {
  readonly #bytes: Uint8Array | null;
  #used = false;

  constructor(bytes: Uint8Array | null) {
    this.#bytes = bytes;
  }
  get bodyUsed(): boolean {
    return this.#used;
  }
  async bytes(): Promise<Uint8Array> {
    if (this.#used) throw new TypeError("the body has been read already");
    this.#used = this.#bytes !== null;
    return this.#bytes ?? new Uint8Array(0);
  }
  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).slice().buffer as ArrayBuffer;
  }
  async text(): Promise<string> {
    return decodeUtf8(await this.bytes());
  }
  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }
  /** The bytes without marking them as read; undefined when they were. */
  static peek(body: Body): Uint8Array | null {
    if (body.#used) throw new TypeError("the body has been read already");
    return body.#bytes;
  }
}

const peekBody = Body.peek;
Reflect.deleteProperty(Body, "peek");

interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit;
  redirect?: "follow" | "manual" | "error";
  signal?: AbortSignal | null;
}

const upperCased = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH"];

export class Request extends Body {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly redirect: "follow" | "manual" | "error";
  readonly signal: AbortSignal | null;

  constructor(input: string | GuestURL | Request, init: RequestInit = {}) {
    const from = input instanceof Request ? input : undefined;
    const extracted =
      init.body === undefined && from !== undefined
        ? { bytes: peekBody(from), contentType: null }
        : extractBody(init.body);
    super(extracted.bytes);
    this.url = from?.url ?? absoluteUrl(String(input));
    this.method = normalizeMethod(init.method ?? from?.method ?? "GET");
    if (extracted.bytes !== null && (this.method === "GET" || this.method === "HEAD")) {
      throw new TypeError(`a ${this.method} request can't have a body`);
    }
    this.headers = new Headers(init.headers ?? from?.headers);
    if (extracted.contentType !== null && !this.headers.has("content-type"))
      this.headers.set("content-type", extracted.contentType);
    this.redirect = init.redirect ?? from?.redirect ?? "follow";
    this.signal = init.signal === undefined ? (from?.signal ?? null) : init.signal;
  }
  clone(): Request {
    return new Request(this);
  }
}

function absoluteUrl(text: string): string {
  try {
    return new URL(text).href;
  } catch {
    throw new TypeError(`"${text.slice(0, 200)}" is no absolute URL`);
  }
}

function normalizeMethod(method: string): string {
  const upper = String(method).toUpperCase();
  return upperCased.includes(upper) && upper !== "PATCH" ? upper : String(method);
}

interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
}

export class Response extends Body {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly type: string = "default";
  readonly url: string = "";
  readonly redirected: boolean = false;

  constructor(body?: BodyInit, init: ResponseInit = {}) {
    const extracted = extractBody(body);
    super(extracted.bytes);
    const status = init.status ?? 200;
    if (!Number.isInteger(status) || status < 200 || status > 599)
      throw new RangeError("a response's status is 200 to 599");
    this.status = status;
    this.statusText = String(init.statusText ?? "");
    this.headers = new Headers(init.headers);
    if (extracted.contentType !== null && !this.headers.has("content-type"))
      this.headers.set("content-type", extracted.contentType);
  }
  get ok(): boolean {
    return this.status >= 200 && this.status <= 299;
  }
  clone(): Response {
    const copy = new Response(peekBody(this), this);
    return Object.assign(copy, { url: this.url, redirected: this.redirected, type: this.type });
  }
  static json(data: unknown, init: ResponseInit = {}): Response {
    const response = new Response(JSON.stringify(data), init);
    if (new Headers(init.headers).get("content-type") === null)
      response.headers.set("content-type", "application/json");
    return response;
  }
  static error(): Response {
    return Object.assign(new Response(), { status: 0, type: "error" });
  }
}

interface HttpAnswer {
  status: number;
  statusText: string;
  headers: [string, string][];
  url: string;
  redirected: boolean;
}

export async function fetch(input: string | GuestURL | Request, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  request.signal?.throwIfAborted();
  const bytes = peekBody(request);
  const args = {
    url: request.url,
    method: request.method,
    headers: [...request.headers],
    redirect: request.redirect,
    hasBody: bytes !== null,
  };
  const asked = call("http.request", args, bytes ?? undefined);
  const answer = await abortable(asked, asked.callId, request.signal);
  const { status, statusText, headers, url, redirected } = answer.value as HttpAnswer;
  const bodyless = status === 204 || status === 205 || status === 304 || request.method === "HEAD";
  const response = new Response(bodyless ? null : answer.bytes, { statusText, headers });
  return Object.assign(response, { status, url, redirected, type: "basic" });
}

function abortable<T>(asked: Promise<T>, callId: number, signal: AbortSignal | null): Promise<T> {
  if (signal === null) return asked;
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      post("http.abort", { call: callId });
      reject(signal.reason ?? new DOMException("This operation was aborted", "AbortError"));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const done = () => signal.removeEventListener("abort", onAbort);
    asked.then(
      (value) => {
        done();
        resolve(value);
      },
      (error: unknown) => {
        done();
        reject(error);
      },
    );
  });
}
