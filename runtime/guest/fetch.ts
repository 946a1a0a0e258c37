// fetch, Request and Response (https://fetch.spec.whatwg.org/), with bodies that stream both ways (body.ts, transfer.ts).
// FormData and Blob come with the full web API. What may be reached, and every redirect, is decided outside.
import type { AbortSignal } from "./abort.ts";
import { Body, type BodyInit, bodyOf, extractBody, isStreamed } from "./body.ts";
import { Headers, type HeadersInit } from "./headers.ts";
import { transfer } from "./transfer.ts";
import { type GuestURL, URL } from "./url.ts";

interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit;
  redirect?: "follow" | "manual" | "error";
  signal?: AbortSignal | null;
  /** Needed with a streaming body, as in browsers: the answer comes when the body has gone. */
  duplex?: "half";
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
        ? { source: bodyOf(from).take(), contentType: null }
        : extractBody(init.body);
    if (init.body !== undefined && isStreamed(extracted.source) && init.duplex !== "half")
      throw new TypeError('a streaming body needs duplex: "half" beside it');
    super(extracted.source);
    this.url = from?.url ?? absoluteUrl(String(input));
    this.method = normalizeMethod(init.method ?? from?.method ?? "GET");
    if (extracted.source !== null && (this.method === "GET" || this.method === "HEAD")) {
      throw new TypeError(`a ${this.method} request can't have a body`);
    }
    this.headers = new Headers(init.headers ?? from?.headers);
    if (extracted.contentType !== null && !this.headers.has("content-type"))
      this.headers.set("content-type", extracted.contentType);
    this.redirect = init.redirect ?? from?.redirect ?? "follow";
    this.signal = init.signal === undefined ? (from?.signal ?? null) : init.signal;
  }
  clone(): Request {
    const { url, method, headers, redirect, signal } = this;
    const copy = new Request(url, { method, headers, redirect, signal });
    bodyOf(copy).replace(bodyOf(this).clone());
    return copy;
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
    super(extracted.source);
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
    const copy = new Response(null, { statusText: this.statusText, headers: this.headers });
    bodyOf(copy).replace(bodyOf(this).clone());
    return Object.assign(copy, { status: this.status, url: this.url, redirected: this.redirected, type: this.type });
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

/** Those have none, whatever the server sends. */
const bodylessStatuses = [204, 205, 304];

export async function fetch(input: string | GuestURL | Request, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const { method, url, redirect, signal } = request;
  signal?.throwIfAborted();
  const asked = { url, method, headers: [...request.headers], redirect };
  const { answer, body } = await transfer(asked, bodyOf(request).take(), signal);
  const { status, statusText, headers, ...about } = answer;
  const response = new Response(null, { statusText, headers });
  const bodyless = method === "HEAD" || bodylessStatuses.includes(status);
  if (!bodyless) bodyOf(response).replace(body);
  return Object.assign(response, { status, ...about, type: "basic" });
}
