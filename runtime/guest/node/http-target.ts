// Where a request of node:http goes, and with which header fields: read from the URL and the options that its callers give.
import { Buffer } from "./buffer.ts";
import { nodeError, wrongType } from "./errors.ts";
import { unsupported } from "./refuse.ts";
import { urlToHttpOptions } from "./url.ts";
import { type SignalLike, type URLLike, web } from "./web.ts";

export interface RequestOptions {
  protocol?: string | null;
  host?: string | null;
  hostname?: string | null;
  port?: number | string | null;
  defaultPort?: number;
  path?: string | null;
  method?: string;
  headers?: unknown;
  auth?: string | null;
  timeout?: number;
  signal?: SignalLike;
  socketPath?: string;
  agent?: unknown;
  [name: string]: unknown;
}

export interface CallArguments {
  options: RequestOptions;
  callback: ((...args: never[]) => void) | undefined;
}

/** `(url[, options][, callback])` or `(options[, callback])`. */
export function argumentsOf(args: readonly unknown[]): CallArguments {
  const rest = [...args];
  const callback = typeof rest.at(-1) === "function" ? (rest.pop() as () => void) : undefined;
  const [first, second] = rest;
  const isUrl = typeof first === "string" || first instanceof web.URL;
  const fromUrl = isUrl ? urlToHttpOptions(typeof first === "string" ? urlOf(first) : (first as URLLike)) : {};
  const given = (isUrl ? second : first) ?? {};
  if (typeof given !== "object") throw wrongType("options", "of type object", given);
  return { options: { ...fromUrl, ...given }, callback };
}

function urlOf(text: string): URLLike {
  if (web.URL.canParse(text)) return new web.URL(text);
  throw Object.assign(nodeError(TypeError, "ERR_INVALID_URL", "Invalid URL"), { input: text });
}

export function targetOf(options: RequestOptions, protocol: "http:" | "https:"): URLLike {
  const asked = options.protocol ?? protocol;
  if (asked !== protocol) {
    const text = `Protocol "${asked}" not supported. Expected "${protocol}"`;
    throw nodeError(TypeError, "ERR_INVALID_PROTOCOL", text);
  }
  if (options.socketPath) throw unsupported(`${protocol.slice(0, -1)}.request to a socket's path`, "name a host");
  const host = options.hostname || options.host || "localhost";
  const isBareIpv6 = host.includes(":") && !host.startsWith("[") && host.split(":").length > 2;
  const port = options.port ?? options.defaultPort ?? "";
  const path = options.path || "/";
  const invalid = /[^\x21-\xff]/.test(path);
  if (invalid) throw nodeError(TypeError, "ERR_UNESCAPED_CHARACTERS", "Request path contains unescaped characters");
  return new web.URL(
    `${protocol}//${isBareIpv6 ? `[${host}]` : host}${port === "" ? "" : `:${port}`}${path.startsWith("/") ? path : `/${path}`}`,
  );
}

export type Value = string | number | readonly string[];

const token = /^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/;

export function validateHeaderName(name: unknown): asserts name is string {
  if (typeof name !== "string" || !token.test(name))
    throw nodeError(TypeError, "ERR_INVALID_HTTP_TOKEN", `Header name must be a valid HTTP token ["${name}"]`);
}

export function validateHeaderValue(name: string, value: unknown): asserts value is Value {
  if (value === undefined)
    throw nodeError(TypeError, "ERR_HTTP_INVALID_HEADER_VALUE", `Invalid value "undefined" for header "${name}"`);
  if (/[^\t\x20-\x7e\x80-\xff]/.test(String(value)))
    throw nodeError(TypeError, "ERR_INVALID_CHAR", `Invalid character in header content ["${name}"]`);
}

/** Header fields under their lower-case names. */
export class Fields {
  readonly #fields = new Map<string, { name: string; value: Value }>();

  set(name: string, value: unknown): void {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    this.#fields.set(name.toLowerCase(), { name, value });
  }
  append(name: string, value: unknown): void {
    const before = this.get(name);
    const list = (each: unknown) => (Array.isArray(each) ? each : [String(each)]);
    this.set(name, before === undefined ? value : [...list(before), ...list(value)]);
  }
  get(name: string): Value | undefined {
    return this.#fields.get(String(name).toLowerCase())?.value;
  }
  has(name: string): boolean {
    return this.#fields.has(String(name).toLowerCase());
  }
  remove(name: string): void {
    this.#fields.delete(String(name).toLowerCase());
  }
  names(): string[] {
    return [...this.#fields.keys()];
  }
  rawNames(): string[] {
    return [...this.#fields.values()].map(({ name }) => name);
  }
  all(): Record<string, Value> {
    const all = Object.create(null) as Record<string, Value>;
    for (const [key, { value }] of this.#fields) all[key] = value;
    return all;
  }
  takeFrom(headers: unknown): void {
    if (headers === undefined || headers === null) return;
    const isFlat = Array.isArray(headers) && !Array.isArray(headers[0]);
    const pairs = isFlat
      ? Array.from({ length: headers.length / 2 }, (_, index) => [headers[2 * index], headers[2 * index + 1]])
      : Symbol.iterator in (headers as object)
        ? [...(headers as Iterable<[string, unknown]>)]
        : Object.entries(headers);
    for (const [name, value] of pairs) if (value !== undefined) this.append(name as string, value);
  }
}

/** The runtime's own, which it sets itself: framing, and the connection. */
const ofRuntime = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
]);

/** As fetch takes them. @throws for what can't be had: another host's name, and a connection for another protocol. */
export function sentFields(fields: Fields, target: URLLike): [string, string][] {
  const host = fields.get("host");
  const sameHosts = [target.host, `${target.hostname}:${target.protocol === "https:" ? 443 : 80}`];
  if (host !== undefined && !sameHosts.includes(String(host).toLowerCase()))
    throw unsupported(
      `a request to ${target.host} under the name ${JSON.stringify(String(host).slice(0, 100))}`,
      "name that host in the URL",
    );
  if (fields.has("upgrade"))
    throw unsupported("an upgrade of the connection", "a job has no sockets: use plain requests");
  return fields.names().flatMap((name): [string, string][] => {
    const value = fields.get(name);
    if (value === undefined || ofRuntime.has(name)) return [];
    if (!Array.isArray(value)) return [[name, String(value)]];
    return name === "cookie" ? [[name, value.join("; ")]] : value.map((each): [string, string] => [name, String(each)]);
  });
}

export function basicAuthorization(auth: string): string {
  return `Basic ${Buffer.from(auth).toString("base64")}`;
}
