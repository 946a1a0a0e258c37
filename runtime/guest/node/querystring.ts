// node:querystring: the query of a URL as an object, in the older spelling that URLSearchParams has replaced.
import { Buffer } from "./buffer.ts";
import { nodeError } from "./errors.ts";

type Query = Record<string, unknown>;

interface ParseOptions {
  maxKeys?: number;
  decodeURIComponent?: (text: string) => string;
}

const pairsMax = 1_000; // Node's default

/** All but what RFC 3986 leaves unreserved, and `!'()*`. */
function escapeText(value: unknown): string {
  const text = typeof value === "string" ? value : typeof value === "object" ? String(value) : `${value}`;
  if (!text.isWellFormed()) throw nodeError(URIError, "ERR_INVALID_URI", "URI malformed");
  return encodeURIComponent(text);
}

/** Whatever isn't encoded rightly stays as it is. */
function unescapeBuffer(text: string): Uint8Array {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const hex = text[at] === "%" ? /^[0-9A-Fa-f]{2}/.exec(text.slice(at + 1, at + 3)) : null;
    if (hex === null) bytes.push(text.charCodeAt(at) & 0xff);
    else {
      bytes.push(Number.parseInt(hex[0], 16));
      at += 2;
    }
  }
  return Buffer.from(bytes);
}

function unescapeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return unescapeBuffer(text).toString();
  }
}

function primitive(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isFinite(value) ? `${value}` : "";
  return typeof value === "bigint" || typeof value === "boolean" ? `${value}` : "";
}

function stringify(
  query: unknown,
  separator?: string | null,
  equals?: string | null,
  options?: { encodeURIComponent?: (text: string) => string } | null,
): string {
  if (typeof query !== "object" || query === null) return "";
  const encode = options?.encodeURIComponent ?? exported.escape;
  const between = equals || "=";
  const pairs: string[] = [];
  for (const [key, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      pairs.push(encode(key) + between + encode(primitive(each)));
    }
  }
  return pairs.join(separator || "&");
}

function parse(
  text: unknown,
  separator?: string | null,
  equals?: string | null,
  { maxKeys = pairsMax, decodeURIComponent: decodeAsked }: ParseOptions = {},
): Query {
  const found = Object.create(null) as Query;
  if (typeof text !== "string" || text === "") return found;
  const decode = decodeAsked ?? exported.unescape;
  const safely = (part: string) => {
    const spaced = part.replaceAll("+", " ");
    try {
      return decode(spaced);
    } catch {
      return unescapeText(spaced);
    }
  };
  const between = equals || "=";
  const parts = text.split(separator || "&");
  for (const part of maxKeys > 0 ? parts.slice(0, maxKeys) : parts) {
    if (part === "") continue;
    const at = part.indexOf(between);
    const key = safely(at < 0 ? part : part.slice(0, at));
    const value = at < 0 ? "" : safely(part.slice(at + between.length));
    const before = found[key];
    if (!(key in found)) found[key] = value;
    else if (Array.isArray(before)) before.push(value);
    else found[key] = [before, value];
  }
  return found;
}

const exported = {
  escape: escapeText,
  unescape: unescapeText,
  unescapeBuffer,
  stringify,
  parse,
  encode: stringify,
  decode: parse,
};

export default exported;
