// What is noted of a run at an OAuth server, and what may be concluded from it. A token has no name there, so this is all
// that finds it again, in this process or in one after a crash: sealed and durable before the server is asked.
import type { EpochMs } from "../../model/units.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";

export interface OauthHandle {
  /** The run's own client: where it is managed, and the token that may (RFC 7592, 3). */
  client?: { uri: string; token: string };
  /** Those that were heard of. Empty when the answer was lost, or has not come yet. */
  tokens: readonly string[];
  /** When a token that was asked for is dead by itself, by our clock; 0 when none was given, null when nobody knows. */
  until: EpochMs | null;
  /**
   * What its silence is worth. With a client: this server was seen to end tokens with their client. Without: introspection
   * has called these tokens active. Only then does "inactive" or "no such client" prove a death; some servers always say so.
   */
  sure: boolean;
}

/** What somebody was asked about one of them. */
export interface Sighting {
  state: "there" | "gone" | "unknown";
  how: string;
}

export interface Sightings {
  client: Sighting | undefined;
  tokens: readonly Sighting[];
}

/** Clocks of issuer and resources may be off by so much, ms: a resource that only reads `exp` takes a token so much longer. */
export const skewMs = 300_000;

export const nothing: OauthHandle = { tokens: [], until: 0, sure: false };

export function formatHandle(handle: OauthHandle): string {
  return JSON.stringify({ v: 1, ...handle });
}

/** @throws IssuerFailure `issuer_garbage` for what this version didn't write. */
export function parseHandle(text: string): OauthHandle {
  const { v, client, tokens, until, sure } = read(text);
  const fits =
    v === 1 &&
    Array.isArray(tokens) &&
    tokens.every((token) => typeof token === "string") &&
    (until === null || Number.isFinite(until)) &&
    typeof sure === "boolean" &&
    (client === undefined || (typeof client.uri === "string" && typeof client.token === "string"));
  if (!fits) throw new IssuerFailure("issuer_garbage", "the lease's handle is of another version");
  return { tokens, until, sure, ...(client === undefined ? {} : { client }) };
}

/** Whether whoever knows `one` has nothing more to end in `other`: it is of the same request, or of the same client. */
export function covers(one: OauthHandle, other: OauthHandle): boolean {
  return one.client?.uri === other.client?.uri && other.tokens.every((token) => one.tokens.includes(token));
}

function read(text: string): OauthHandle & { v?: unknown } {
  try {
    return Object(JSON.parse(text));
  } catch {
    throw new IssuerFailure("issuer_garbage", "the lease's handle can't be read");
  }
}

export function conclude(handle: OauthHandle, { client, tokens }: Sightings, now: EpochMs) {
  const all = client === undefined ? tokens : [client, ...tokens];
  const words = (of: readonly Sighting[]) => of.map(({ how }) => how).join("; ");
  const there = all.filter(({ state }) => state === "there");
  if (there.length > 0) return { verdict: "alive" as const, how: words(there) };
  const allGone = all.length > 0 && all.every(({ state }) => state === "gone");
  if (allGone && handle.sure) return { verdict: "dead" as const, how: words(all) };
  const isOver = handle.until !== null && now > handle.until + skewMs;
  if (isOver && client?.state !== "unknown") return { verdict: "dead" as const, how: over(handle) };
  const unknown = all.filter(({ state }) => state === "unknown");
  return { verdict: "unknowable" as const, how: unknown.length > 0 ? words(unknown) : open(handle) };
}

function over({ until }: OauthHandle): string {
  if (until === 0) return "nothing was issued: the server refused, or was not asked";
  return `expired, with ${skewMs / 60_000} minutes for clocks that differ`;
}

function open({ tokens, until }: OauthHandle): string {
  const what = tokens.length === 0 ? "the answer to the request for a token was lost" : "its death can't be asked for";
  const when = until === null ? "nobody knows when it expires" : `it expires by ${new Date(until).toISOString()}`;
  return `${what}; ${when}`;
}
