// The sealed credential at egress. The job holds a placeholder; here, and nowhere else, it becomes the value: in the
// granted header, for a granted host. Anywhere else the placeholder, or the value should the job have learned it from an
// answer, stops the request. It reveals nothing in what it throws.

import { classifyAddress } from "../../model/addresses.ts";
import { portSuffix } from "../../model/allowlist.ts";
import { Denied, Failed } from "./capability.ts";
import type { SealedCredential } from "./credential.ts";
import type { Asked, HeaderField } from "./network-asked.ts";

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
    throw misplaced(sealed, asked, `it was meant for ${hostOf(asked)}`);
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
  const { host } = asked.line; // the path may be what holds it
  const message = "the request holds the credential's value itself; use what credential.fetch() returned";
  throw new Denied(
    "credential_place",
    message,
    `${asked.line.method} ${asked.line.scheme}://${host}${portSuffix(asked.line)}`,
  );
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
  return new Denied(thrown.code, clean(thrown.message), clean(thrown.target));
}

function refusePlaceholderElsewhere(sealed: SealedCredential, asked: Asked): boolean {
  const { placeholder, place } = sealed;
  if (holdsText(asked.url, placeholder)) throw misplaced(sealed, asked, "it stands in the URL");
  if (holdsBytes(asked.body, placeholder)) throw misplaced(sealed, asked, "it stands in the body");
  const fields = asked.headers.filter(([name, text]) => name.includes(placeholder) || text.includes(placeholder));
  if (fields.some(([name]) => name !== place.header))
    throw misplaced(sealed, asked, "it stands in another header field");
  return fields.length > 0;
}

function misplaced(sealed: SealedCredential, asked: Asked, found: string): Denied {
  const where = `the header field "${sealed.place.header}", for ${sealed.hosts.join(", ") || "no host"}`;
  return new Denied("credential_place", `the credential may stand in ${where}; ${found}`, asked.target);
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

function holdsBytes(body: Uint8Array | null, text: string): boolean {
  return body !== null && Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes(text);
}
