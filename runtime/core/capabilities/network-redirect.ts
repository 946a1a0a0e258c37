// Where a redirect leads, and what goes along. It follows Fetch's "HTTP-redirect fetch" and RFC 9110, section 15.4, and
// is stricter in three things: to another origin only named harmless fields go, never a body, and https never falls to
// http. Whether the next hop may be made is network.ts's decision, the same as for a first request.
import type { Exchange } from "../../ports/http-client.ts";
import { urlCharsMax } from "../../protocol/bridge.ts";
import { Denied } from "./capability.ts";
import { type Asked, askedOf, type HeaderField, readUrl } from "./network-asked.ts";

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const CROSS_ORIGIN_FIELDS = new Set(["accept", "accept-language", "user-agent"]);
const BODY_FIELDS = new Set(["content-type", "content-encoding", "content-language", "content-location"]);

/** The redirect's address as the server wrote it; undefined when the answer is none. */
export function redirectLocation(exchange: Exchange): string | undefined {
  if (!REDIRECTS.has(exchange.status)) return undefined;
  const locations = exchange.headers.filter(([name]) => name === "location");
  if (locations.length > 1) throw new Denied("redirect", "the redirect names more than one location", "redirect");
  return locations[0]?.[1];
}

/** The next request. @throws Denied of `readUrl`, and `redirect` for what must not go along. */
export function nextAsked(from: Asked, status: number, location: string): Asked {
  if (location.length > urlCharsMax) {
    throw new Denied(
      "url_invalid",
      `the redirect's location has ${location.length} characters, at most ${urlCharsMax}`,
      from.target,
    );
  }
  const url = readUrl(location, from.url);
  if (from.url.protocol === "https:" && url.protocol === "http:") {
    throw new Denied("scheme", "the redirect leads from https to http", askedOf("GET", url, [], null).target);
  }
  const rewritten = rewriteMethod(from.line.method, status);
  const keepsBody = rewritten === from.line.method;
  const body = keepsBody ? from.body : null;
  const withoutBody = keepsBody ? from.headers : from.headers.filter(([name]) => !BODY_FIELDS.has(name));
  if (body?.kind === "streamed" && !body.again) {
    const message = "the redirect asks for the request's body once more, and it was a stream; send bytes instead";
    throw new Denied("redirect", message, askedOf(rewritten, url, [], null).target);
  }
  if (url.origin === from.url.origin) return askedOf(rewritten, url, withoutBody, body);
  if (body !== null) {
    const message =
      "the redirect would take the request's body to another origin; send it there yourself, if it is meant";
    throw new Denied("redirect", message, askedOf(rewritten, url, [], null).target);
  }
  return askedOf(rewritten, url, crossOrigin(withoutBody), null);
}

function rewriteMethod(method: string, status: number): string {
  if ((status === 301 || status === 302) && method === "POST") return "GET";
  if (status === 303 && method !== "HEAD") return "GET";
  return method;
}

/** A list of what may go, since credentials travel in fields of any name. */
function crossOrigin(headers: readonly HeaderField[]): readonly HeaderField[] {
  return headers.filter(([name]) => CROSS_ORIGIN_FIELDS.has(name));
}
