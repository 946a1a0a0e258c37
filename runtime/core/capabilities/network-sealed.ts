// The sealed credential at egress. The job holds a placeholder; here, and nowhere else, it becomes the value: in the
// granted header, for a granted host. Anywhere else the placeholder, or the value should the job have learned it from an
// answer, stops the request. It reveals nothing in what it throws.

import { classifyAddress } from "../../model/addresses.ts";
import { portSuffix } from "../../model/allowlist.ts";
import { quote } from "../../model/error.ts";
import { Denied, Failed, hintOf } from "./capability.ts";
import type { SealedCredential } from "./credential.ts";
import type { Asked, AskedBody, HeaderField } from "./network-asked.ts";

/**
 * The header fields for the wire.
 * @throws Denied `credential_place` when placeholder or value stand where they may not, `ended` when the lease has ended.
 */
export function placeCredential(
  sealed: SealedCredential | null,
  asked: Asked,
  address: string,
): readonly HeaderField[] {
  if (sealed === null) return asked.headers;
  const value = sealed.reveal();
  const used = refusePlaceholderElsewhere(sealed, asked);
  if (!used) return asked.headers;
  if (value === undefined) throw new Denied("ended", "the credential has ended with its lease", asked.target);
  if (!sealed.hosts.includes(hostOf(asked))) {
    const hosts = [...sealed.hosts, hostOf(asked)];
    throw misplaced(sealed, asked, `it was meant for ${hostOf(asked)}`, `credential.hosts: ${JSON.stringify(hosts)}`);
  }
  if (asked.line.scheme === "http" && classifyAddress(address).kind === "public") {
    throw misplaced(sealed, asked, "it would cross the Internet over plain http");
  }
  return asked.headers.map(([name, text]) =>
    name === sealed.place.header ? [name, text.replaceAll(sealed.placeholder, () => value)] : [name, text],
  );
}

/**
 * The value itself is in the request: a server told it to the job. Asked before anything else is said of the request.
 * @throws Denied `credential_place`, with neither path nor query in its target.
 */
export function refuseValue(sealed: SealedCredential | null, asked: Asked): void {
  const value = sealed?.reveal();
  if (value === undefined || value === "") return;
  const inHeaders = asked.headers.some(([name, text]) => name.includes(value) || text.includes(value));
  if (!inHeaders && !holdsText(asked.url, value) && !holdsBytes(asked.body, value)) return;
  throw holdsValue(asked);
}

function holdsValue({ line }: Asked): Denied {
  const message = "the request holds the credential's value itself; use what credential.fetch() returned";
  // The path may be what holds it.
  return new Denied("credential_place", message, `${line.method} ${line.scheme}://${line.host}${portSuffix(line)}`);
}

/** Errors and their targets without the value, whoever put it there. */
export function withoutSecret(sealed: SealedCredential | null, thrown: unknown): unknown {
  const value = sealed?.reveal();
  if (
    sealed === null ||
    value === undefined ||
    value === "" ||
    !(thrown instanceof Denied || thrown instanceof Failed)
  ) {
    return thrown;
  }
  const clean = (text: string) => text.replaceAll(value, () => sealed.placeholder);
  if (thrown instanceof Failed) return new Failed(thrown.code, clean(thrown.message));
  const hint = Object.entries(hintOf(thrown)).map(([key, text]) => [key, clean(text)] as const);
  return new Denied(thrown.code, clean(thrown.message), clean(thrown.target), Object.fromEntries(hint));
}

/**
 * The pieces of a streamed body, each held back until nothing that it begins can be the placeholder or the value.
 * Rejects with Denied `credential_place` before a byte of either has gone out.
 */
export async function* guardPieces(
  sealed: SealedCredential | null,
  asked: Asked,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  if (sealed === null) return yield* pieces;
  let held: Buffer = Buffer.alloc(0);
  for await (const piece of pieces) {
    const value = sealed.reveal() ?? "";
    const all = Buffer.concat([held, piece]);
    if (all.includes(sealed.placeholder)) throw misplaced(sealed, asked, "it stands in the body");
    if (value !== "" && all.includes(value)) throw holdsValue(asked);
    const keptBytes = Math.min(all.length, Math.max(sealed.placeholder.length, Buffer.byteLength(value)) - 1);
    held = all.subarray(all.length - keptBytes);
    if (all.length > keptBytes) yield all.subarray(0, all.length - keptBytes);
  }
  if (held.length > 0) yield held;
}

function refusePlaceholderElsewhere(sealed: SealedCredential, asked: Asked): boolean {
  const { placeholder, place } = sealed;
  if (holdsText(asked.url, placeholder)) throw misplaced(sealed, asked, "it stands in the URL");
  if (holdsBytes(asked.body, placeholder)) throw misplaced(sealed, asked, "it stands in the body");
  const fields = asked.headers.filter(([name, text]) => name.includes(placeholder) || text.includes(placeholder));
  const other = fields.find(([name]) => name !== place.header)?.[0];
  if (other !== undefined) {
    const remedy = other.includes(placeholder) ? undefined : `credential.place: { header: ${quote(other)} }`;
    throw misplaced(sealed, asked, "it stands in another header field", remedy);
  }
  return fields.length > 0;
}

function misplaced(sealed: SealedCredential, asked: Asked, found: string, remedy?: string): Denied {
  const nearest = `credential.place: { header: ${quote(sealed.place.header)} }, hosts: ${JSON.stringify(sealed.hosts)}`;
  const hint = remedy === undefined ? { nearest } : { nearest, remedy };
  return new Denied("credential_place", `the credential may not go there: ${found}`, asked.target, hint);
}

function hostOf(asked: Asked): string {
  return `${asked.line.host}${portSuffix(asked.line)}`;
}

function holdsText(url: URL, text: string): boolean {
  return url.href.includes(text) || decoded(url.href).includes(text);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/%([0-7][0-9a-f])/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  }
}

/** What is streamed is looked at as it goes, by `guardPieces`. */
function holdsBytes(body: AskedBody | null, text: string): boolean {
  return body?.kind === "inline" && viewOf(body.bytes).includes(text);
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
