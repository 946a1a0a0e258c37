// The sealed credential at egress. The job holds a placeholder; here, and nowhere else, it becomes the value: at the granted
// place (network-places.ts), for a granted host and request. Anywhere else the placeholder stops the request; the value,
// should the job have learned it, is network-leaks.ts's to stop. It reveals nothing in what it throws.

import { classifyAddress } from "../../model/addresses.ts";
import { matchRule, portSuffix, ruleTextFor } from "../../model/allowlist.ts";
import type { SealedPlace } from "../../model/grant.ts";
import type { EgressKey } from "../../ports/credential-issuer.ts";
import { Denied } from "./capability.ts";
import type { SealedCredential } from "./credential.ts";
import type { Asked } from "./network-asked.ts";
import { type Aws4Place, signAws4, whyUnsignable } from "./network-aws4.ts";
import { findPlaceholder, type Placed, putSecret } from "./network-places.ts";

/** What of a request goes over the wire, and the key that its connection shows. */
export interface ForTheWire extends Placed {
  /** Of place `tls`. */
  key: EgressKey | undefined;
}

/**
 * Puts the credential in.
 * @param nowMs the date of a signature.
 * @throws Denied `credential_place` when placeholder or value stand where they may not, `ended` when the lease has ended,
 * `uses` when it was used as often as granted.
 */
export async function placeCredential(
  sealed: SealedCredential | null,
  asked: Asked,
  address: string,
  nowMs: number,
): Promise<ForTheWire> {
  const path = asked.url.pathname + asked.url.search;
  const body = asked.body?.kind === "inline" ? asked.body.bytes : null;
  const asIs: ForTheWire = { headers: asked.headers, path, body, key: undefined };
  if (sealed === null) return asIs;
  const { place, placeholder } = sealed;
  const found = findPlaceholder(place, placeholder, asked);
  if (found.elsewhere !== undefined) {
    const remedy = found.wanted === undefined ? undefined : `credential.place: ${inWords(found.wanted)}`;
    throw misplaced(sealed, asked, `it stands in ${found.elsewhere}`, remedy);
  }
  // A client certificate stands nowhere in a request: it is shown to the hosts that were granted, once the job has asked.
  const isForHost = sealed.hosts.includes(hostOf(asked)) && asked.line.scheme === "https";
  if ("tls" in place ? !isForHost || !sealed.wasFetched() : found.inPlace === 0) return asIs;
  const value = sealed.reveal();
  if (value === undefined) {
    if (sealed.isExpired()) throw new Denied("expired", "the credential's time is over", asked.target);
    throw new Denied("ended", "the credential has ended with its lease", asked.target);
  }
  refuseTarget(sealed, asked, address);
  if (found.inPlace > sealed.perRequest) {
    const text = `it stands there ${found.inPlace} times, and once is enough`;
    throw misplaced(sealed, asked, text, `credential.perRequest: ${found.inPlace}`);
  }
  if ("aws4" in place) return { ...asIs, headers: await sign(sealed, place, asked, nowMs) };
  sealed.use();
  if ("tls" in place) return { ...asIs, key: sealed.key() };
  return { ...putSecret(place, placeholder, value, asked), key: undefined };
}

async function sign(sealed: SealedCredential, place: Aws4Place, asked: Asked, nowMs: number) {
  const why = whyUnsignable(place, asked);
  if (why !== undefined) {
    const remedy = why.wanted === undefined ? undefined : `credential.place: ${inWords(why.wanted)}`;
    throw misplaced(sealed, asked, why.found, remedy);
  }
  const key = sealed.key();
  if (key?.kind !== "aws") throw new Denied("ended", "the credential has ended with its lease", asked.target);
  sealed.use();
  return signAws4(place, key, asked, nowMs);
}

/** The request is one that may have the credential. */
function refuseTarget(sealed: SealedCredential, asked: Asked, address: string): void {
  if (!sealed.hosts.includes(hostOf(asked))) {
    const hosts = [...sealed.hosts, hostOf(asked)];
    throw misplaced(sealed, asked, `it was meant for ${hostOf(asked)}`, `credential.hosts: ${JSON.stringify(hosts)}`);
  }
  if (sealed.requests !== null && matchRule(sealed.requests, asked.line) === undefined) {
    const requests = [...sealed.requests.map(({ text }) => text), ruleTextFor(asked.line)];
    const remedy = `credential.requests: ${JSON.stringify(requests)}`;
    throw misplaced(sealed, asked, "no rule of credential.requests matches the request", remedy);
  }
  if (asked.line.scheme === "http" && classifyAddress(address).kind === "public") {
    throw misplaced(sealed, asked, "it would cross the Internet over plain http");
  }
}

/**
 * The pieces of a streamed body, each held back until nothing that it begins can be the placeholder. Rejects with Denied
 * `credential_place` before a byte of it has gone out.
 */
export async function* guardPieces(
  sealed: SealedCredential | null,
  asked: Asked,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  if (sealed === null) return yield* pieces;
  let held: Buffer = Buffer.alloc(0);
  for await (const piece of pieces) {
    const all = Buffer.concat([held, piece]);
    if (all.includes(sealed.placeholder)) throw misplaced(sealed, asked, "it stands in the body");
    const keptBytes = Math.min(all.length, sealed.placeholder.length - 1);
    held = all.subarray(all.length - keptBytes);
    if (all.length > keptBytes) yield all.subarray(0, all.length - keptBytes);
  }
  if (held.length > 0) yield held;
}

function misplaced(sealed: SealedCredential, asked: Asked, found: string, remedy?: string): Denied {
  const nearest = `credential.place: ${inWords(sealed.place)}, hosts: ${JSON.stringify(sealed.hosts)}`;
  const hint = remedy === undefined ? { nearest } : { nearest, remedy };
  return new Denied("credential_place", `the credential may not go there: ${found}`, asked.target, hint);
}

/** As an author writes it: `{ header: "authorization" }`. */
function inWords(place: SealedPlace): string {
  return JSON.stringify(place)
    .replace(/"([A-Za-z0-9]+)":/g, " $1: ")
    .replace(/\}/g, " }");
}

function hostOf(asked: Asked): string {
  return `${asked.line.host}${portSuffix(asked.line)}`;
}
