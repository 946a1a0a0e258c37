// The placeholder in a request: where it stands, and what the request becomes when the secret takes its place. Text is
// replaced as text, never by writing the URL or the body anew, so that nothing else in them changes; and only after all
// that holds the placeholder has been found at the granted place. Whether the request may have the secret at all is
// network-sealed.ts's decision.
import type { SealedPlace } from "../../model/grant.ts";
import type { Asked, HeaderField } from "./network-asked.ts";
import { isAws4, scopeOf } from "./network-aws4.ts";

/** What goes over the wire of a request. */
export interface Placed {
  headers: readonly HeaderField[];
  /** Path and query. */
  path: string;
  /** A body that came with its call; null for none, or one that streams. */
  body: Uint8Array | null;
}

export interface Found {
  /** How often it stands at the granted place. */
  inPlace: number;
  /** The first spot where it may not stand, in words: "the URL". undefined for none. */
  elsewhere: string | undefined;
  /** As `place` in the config, the one that would allow it there; undefined where none can. */
  wanted: SealedPlace | undefined;
}

/** One spot of a request that can hold text. */
interface Spot {
  text: string;
  about: string;
  /** The place that grants it. */
  wanted: SealedPlace | undefined;
}

/** Everywhere that the placeholder stands. A body that streams is looked at as it goes, by `guardPieces`. */
export function findPlaceholder(place: SealedPlace, placeholder: string, asked: Asked): Found {
  const spots = [...urlSpots(asked, placeholder), ...headerSpots(asked), ...bodySpots(place, placeholder, asked)];
  let inPlace = 0;
  let misplaced: Spot | undefined;
  for (const spot of spots) {
    const times = occurrences(spot.text, placeholder);
    if (times === 0) continue;
    if (spot.wanted !== undefined && samePlace(spot.wanted, place)) inPlace += times;
    else misplaced ??= spot;
  }
  return { inPlace, elsewhere: misplaced?.about, wanted: misplaced?.wanted };
}

/** The request with the secret in the place of the placeholder. `findPlaceholder` has found it nowhere else. */
export function putSecret(place: SealedPlace, placeholder: string, secret: string, asked: Asked): Placed {
  const path = asked.url.pathname + asked.url.search;
  const body = asked.body?.kind === "inline" ? asked.body.bytes : null;
  const put = (text: string, value: string) => text.replaceAll(placeholder, () => value);
  const { headers } = asked;
  if ("header" in place) return { headers: mapHeader(headers, place.header, (text) => put(text, secret)), path, body };
  if ("basic" in place) {
    const encode = (text: string) => `Basic ${Buffer.from(put(basicOf(text) ?? "", secret)).toString("base64")}`;
    return { headers: mapHeader(headers, "authorization", encode), path, body };
  }
  if ("query" in place) return { headers, path: asked.url.pathname + put(asked.url.search, percent(secret)), body };
  if ("form" in place) return { headers, path, body: putBody(body, (text) => put(text, percent(secret))) };
  if ("json" in place) {
    return { headers, path, body: putBody(body, (text) => put(text, jsonText(secret))) };
  }
  return { headers, path, body };
}

function urlSpots({ url }: Asked, placeholder: string): Spot[] {
  const whole = [url.host, url.pathname, url.hash].map((text): Spot => {
    return { text: decoded(text), about: "the URL", wanted: undefined };
  });
  const query = [...url.searchParams].flatMap(([name, text]): Spot[] => [
    { text, about: `the query parameter ${name}`, wanted: { query: name } },
    { text: name, about: "the name of a query parameter", wanted: undefined },
  ]);
  const seen = query.reduce((sum, { text }) => sum + occurrences(text, placeholder), 0);
  // Where a parser sees more than stands there raw, a replacement would miss it.
  if (seen === occurrences(url.search, placeholder) && seen === occurrences(decoded(url.search), placeholder))
    return [...whole, ...query];
  return [...whole, { text: placeholder, about: "the query, in another spelling", wanted: undefined }];
}

function headerSpots({ headers }: Asked): Spot[] {
  return headers.flatMap(([name, text]): Spot[] => {
    const basic = name === "authorization" ? basicOf(text) : undefined;
    const colon = basic?.indexOf(":") ?? -1;
    return [
      { text: name, about: "the name of a header field", wanted: undefined },
      name === "authorization" && isAws4(text)
        ? { text, about: "an AWS signature", wanted: scopeOf(text) ?? anyAws4 }
        : { text, about: `the header field ${name}`, wanted: { header: name } },
      ...(basic === undefined || colon < 0
        ? []
        : [
            { text: basic.slice(0, colon), about: "the user of Basic authentication", wanted: undefined },
            {
              text: basic.slice(colon + 1),
              about: "the password of Basic authentication",
              wanted: { basic: basic.slice(0, colon) },
            },
          ]),
    ];
  });
}

function bodySpots(place: SealedPlace, placeholder: string, { body, headers }: Asked): Spot[] {
  if (body?.kind !== "inline") return [];
  const text = Buffer.from(body.bytes.buffer, body.bytes.byteOffset, body.bytes.byteLength).toString("latin1");
  const all = occurrences(text, placeholder);
  if (all === 0) return [];
  const anywhere: Spot = { text, about: "the body", wanted: undefined };
  const type =
    headers
      .find(([name]) => name === "content-type")?.[1]
      .split(";")[0]
      ?.trim()
      .toLowerCase() ?? "";
  const spot =
    "form" in place ? formSpot(place.form, text, type) : "json" in place ? jsonSpot(place.json, text, type) : undefined;
  // Of what a parser sees at the place, each must be one that stands there raw, and none may stand elsewhere.
  return spot !== undefined && occurrences(spot.text, placeholder) === all ? [spot] : [anywhere];
}

function formSpot(field: string, text: string, type: string): Spot | undefined {
  if (type !== "application/x-www-form-urlencoded") return undefined;
  const values = new URLSearchParams(text).getAll(field);
  return { text: values.join("\n"), about: `the form field ${field}`, wanted: { form: field } };
}

function jsonSpot(pointer: string, text: string, type: string): Spot | undefined {
  if (type !== "application/json" && !type.endsWith("+json")) return undefined;
  try {
    const value = pointed(JSON.parse(text), pointer);
    if (typeof value === "string")
      return { text: value, about: `the JSON member ${pointer}`, wanted: { json: pointer } };
  } catch {
    // no JSON: then it is just a body
  }
  return undefined;
}

/** RFC 6901. */
function pointed(document: unknown, pointer: string): unknown {
  let value = document;
  for (const token of pointer.slice(1).split("/")) {
    const key = token.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

const anyAws4: SealedPlace = { aws4: { region: "", service: "" } };

/** Whether a signature's region and service are those that were granted, network-aws4.ts says. */
function samePlace(a: SealedPlace, b: SealedPlace): boolean {
  if ("aws4" in a) return "aws4" in b;
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The user and password of Basic authentication; undefined for anything else. */
function basicOf(text: string): string | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(text)?.[1];
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString("utf8");
}

function mapHeader(headers: readonly HeaderField[], name: string, change: (text: string) => string): HeaderField[] {
  return headers.map(([key, text]) => (key === name ? [key, change(text)] : [key, text]));
}

function putBody(body: Uint8Array | null, change: (text: string) => string): Uint8Array | null {
  if (body === null) return null;
  // Byte for byte: the body may have other bytes than ours that are no UTF-8.
  return new Uint8Array(Buffer.from(change(Buffer.from(body).toString("latin1")), "latin1"));
}

/** Safe in a query and in a form, and plain ASCII. */
function percent(secret: string): string {
  return encodeURIComponent(secret);
}

/** Inside a JSON string, and plain ASCII. */
function jsonText(secret: string): string {
  const escaped = JSON.stringify(secret).slice(1, -1);
  return escaped.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export function occurrences(text: string, part: string): number {
  return text.split(part).length - 1;
}

/** Percent signs resolved as far as they can be. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/%([0-7][0-9a-f])/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  }
}
