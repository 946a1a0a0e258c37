// What a job asked for, read once: the URL by the WHATWG parser, the method as fetch normalises it, the header fields.
// It answers for what can be refused without knowing a grant; whether the rest is allowed is network.ts's decision,
// which sees only what this file returns.
import { allowedMethods, pathAmbiguity, portSuffix, type RequestLine } from "../../model/allowlist.ts";
import { escapeLine, quote } from "../../model/error.ts";
import type { Arguments } from "../../protocol/bridge.ts";
import { Denied } from "./capability.ts";

export type HeaderField = readonly [string, string];

/** A request's body: in the call, or still with the guest, which sends it piece by piece. */
export type AskedBody =
  | { kind: "inline"; bytes: Uint8Array }
  | { kind: "streamed" /** null: not known. */; bytes: number | null /** It can be sent anew. */; again: boolean };

/** One request, or one hop of it, before any decision on where it may go. */
export interface Asked {
  url: URL;
  line: RequestLine;
  /** Lower-case names, in order, as the job gave them: a placeholder is still a placeholder. */
  headers: readonly HeaderField[];
  body: AskedBody | null;
  /** For the audit: method, scheme, host, port and path, without query. */
  target: string;
}

const TARGET_CHARS_MAX = 300;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/; // RFC 9110, section 5.6.2
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/; // RFC 9110, section 5.5

// The runtime's own: framing and connection (RFC 9110, RFC 9112), what proxies and browsers vouch for, and the fields by
// which some frameworks take another method or path than the one that was checked.
const RESERVED = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "upgrade",
  "expect",
  "te",
  "trailer",
  "via",
  "forwarded",
  "cookie2",
  "http2-settings",
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-original-url",
  "x-rewrite-url",
  "x-real-ip",
]);
const RESERVED_PREFIXES = ["proxy-", "sec-", "x-forwarded-"];

/** @throws Denied `url_invalid`, `scheme`, `userinfo`, `path_ambiguous`, `method`, `header`. */
export function readAsked(args: Arguments<"http.request">, bytes: Uint8Array): Asked {
  const url = readUrl(args.url);
  const method = readMethod(args.method, url);
  const body = readBody(args, bytes);
  if (body !== null && (method === "GET" || method === "HEAD")) {
    throw new Denied("method", `${method} takes no body; use POST, PUT or PATCH for one`, targetOf(method, url));
  }
  return askedOf(method, url, readHeaders(args.headers, targetOf(method, url)), body);
}

function readBody({ body, bodyBytes }: Arguments<"http.request">, bytes: Uint8Array): AskedBody | null {
  if (body === "none") return null;
  if (body === "inline") return { kind: "inline", bytes };
  return { kind: "streamed", bytes: bodyBytes, again: body === "again" };
}

/** The same for a URL that has been read already. */
export function askedOf(method: string, url: URL, headers: readonly HeaderField[], body: AskedBody | null): Asked {
  const scheme = url.protocol === "https:" ? "https" : "http";
  const port = url.port === "" ? (scheme === "https" ? 443 : 80) : Number(url.port);
  const line: RequestLine = { method, scheme, host: url.hostname, port, path: url.pathname };
  return { url, line, headers, body, target: targetOf(method, url) };
}

/**
 * Parsed once, and refused where two parsers could differ.
 * @throws Denied `url_invalid`, `scheme`, `userinfo`, `path_ambiguous`.
 */
export function readUrl(text: string, base?: URL): URL {
  const shown = escapeLine(withoutUser(text.split(/[?#]/, 1)[0] ?? ""), TARGET_CHARS_MAX);
  const refuse = (code: string, message: string) => new Denied(code, message, shown);
  if (/[\x00-\x1f\x7f]|^ | $/.test(text)) {
    throw refuse("url_invalid", "the URL has control characters, or spaces around it");
  }
  if (!URL.canParse(text, base)) throw refuse("url_invalid", `${quote(shown)} is no valid URL`);
  const url = new URL(text, base);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw refuse("scheme", `found scheme ${quote(url.protocol)}; jobs have http: and https: alone`);
  }
  const raw = rawParts(text);
  if (raw.authority.includes("@") || url.username !== "" || url.password !== "") {
    throw refuse("userinfo", "the URL has user information before its host; put credentials into a header");
  }
  if (url.port === "0") throw refuse("url_invalid", "the URL has port 0");
  const ambiguity = pathAmbiguity(raw.path) ?? pathAmbiguity(url.pathname);
  if (ambiguity !== undefined) throw refuse("path_ambiguous", `the URL's path has ${ambiguity}: servers differ on it`);
  return url;
}

/** What stands before the host may be a password: no record has it. */
function withoutUser(text: string): string {
  return text.replace(/^([A-Za-z][A-Za-z0-9+.-]*:)?([/\\]*)[^/\\]*@/, "$1$2…@");
}

/** Authority and path as they were written: looked at for refusals only, since the parser has the last word. */
function rawParts(text: string): { authority: string; path: string } {
  const match = /^(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?:\/\/+([^/\\?#]*))?([^?#]*)/.exec(text);
  return { authority: match?.[1] ?? "", path: match?.[2] ?? "" };
}

function readMethod(text: string, url: URL): string {
  const upper = text.toUpperCase();
  // Fetch raises these six and no other; `patch` stays as it is and is refused, with the right spelling said.
  const method = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"].includes(upper) ? upper : text;
  if (!TOKEN.test(method) || !allowedMethods.includes(method)) {
    const message = `found method ${quote(text, 32)}; needed: one of ${allowedMethods.join(", ")}`;
    throw new Denied("method", message, targetOf("?", url));
  }
  return method;
}

function readHeaders(fields: readonly (readonly [string, string])[], target: string): HeaderField[] {
  return fields.map(([rawName, rawValue]) => {
    const name = rawName.toLowerCase();
    const value = rawValue.replace(/^[\t\r\n ]+|[\t\r\n ]+$/g, "");
    if (!TOKEN.test(name))
      throw new Denied("header", `found header name ${quote(rawName, 64)}; needed: a token`, target);
    if (isReserved(name)) {
      throw new Denied(
        "header",
        `the header field ${quote(name, 64)} is set by the runtime alone; leave it out`,
        target,
      );
    }
    if (!FIELD_VALUE.test(value)) {
      const message = `the value of header field ${quote(name, 64)} has a line break, a control or a wide character`;
      throw new Denied("header", message, target);
    }
    return [name, value];
  });
}

/** Servers that hand fields on as variables read `_` as `-`: both are reserved. */
function isReserved(name: string): boolean {
  const plain = name.replaceAll("_", "-");
  return RESERVED.has(plain) || RESERVED_PREFIXES.some((prefix) => plain.startsWith(prefix));
}

function targetOf(method: string, url: URL): string {
  const scheme = url.protocol === "https:" ? "https" : "http";
  const port = url.port === "" ? "" : portSuffix({ scheme, port: Number(url.port) });
  return escapeLine(`${method} ${scheme}://${url.hostname}${port}${url.pathname}`, TARGET_CHARS_MAX);
}
