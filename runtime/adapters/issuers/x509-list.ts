// A certificate revocation list (RFC 5280, section 5), signed by the authority: version 2 with a number and the authority's
// key id. Answers for its bytes, and for reading back only what that authority has signed. Which certificates stand on
// it, and where it lies, is x509-publication.ts's business.
import { sign, verify } from "node:crypto";
import type { EpochMs } from "../../model/units.ts";
import { contextTag, der, type Item, integer, integerOf, items, sequence, tags, time, timeOf } from "./der.ts";
import type { Authority } from "./x509-authority.ts";
import { SubjectKeyIdentifierExtension } from "./x509-library.ts";

export interface RevocationList {
  /** Grows with every list. */
  number: number;
  /** Whole seconds. */
  thisUpdate: EpochMs;
  /** From then on servers take no certificate of this authority. */
  nextUpdate: EpochMs;
  /** When each was revoked, by serial number. */
  entries: ReadonlyMap<string, EpochMs>;
}

const version2 = integer("01");
// ecdsa-with-SHA256, 1.2.840.10045.4.3.2; crlNumber, 2.5.29.20; authorityKeyIdentifier, 2.5.29.35
const algorithm = sequence(der(tags.oid, Buffer.from("2a8648ce3d040302", "hex")));
const numberOid = der(tags.oid, Buffer.from("551d14", "hex"));
const authorityOid = der(tags.oid, Buffer.from("551d23", "hex"));

/** PEM. */
export function signList(authority: Authority, list: RevocationList): string {
  const entries = [...list.entries].map(([serial, at]) => sequence(integer(serial), time(at)));
  const signed = sequence(
    version2,
    algorithm,
    Buffer.from(authority.certificate.subjectName.toArrayBuffer()),
    time(list.thisUpdate),
    time(list.nextUpdate),
    ...(entries.length === 0 ? [] : [sequence(...entries)]), // an empty one must be absent
    der(contextTag(0), sequence(keyId(authority), extension(numberOid, integer(list.number.toString(16))))),
  );
  return pem(envelope(signed, sign("sha256", signed, authority.listKey)));
}

function envelope(signed: Buffer, signature: Buffer): Buffer {
  return sequence(signed, algorithm, der(tags.bitString, Buffer.of(0), signature));
}

function extension(oid: Buffer, value: Buffer): Buffer {
  return sequence(oid, der(tags.octetString, value));
}

function keyId({ certificate }: Authority): Buffer {
  const id = certificate.getExtension(SubjectKeyIdentifierExtension)?.keyId ?? "";
  return extension(authorityOid, sequence(der(0x80, Buffer.from(id, "hex"))));
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN X509 CRL-----", ...lines, "-----END X509 CRL-----", ""].join("\n");
}

/** undefined for what is no list, or none that this authority has signed. */
export function readList(authority: Authority, text: string): RevocationList | undefined {
  const body = /^-----BEGIN X509 CRL-----\n([A-Za-z0-9+/=\n]+)-----END X509 CRL-----\n$/.exec(text)?.[1];
  if (body === undefined) return undefined;
  try {
    const bytes = Buffer.from(body, "base64");
    const [signed, , bits] = items(content(items(bytes)[0]));
    if (signed === undefined || bits === undefined) return undefined;
    const signature = bits.content.subarray(1);
    // What stands around the signed part isn't signed, and a server may well stumble over it.
    if (!bytes.equals(envelope(signed.whole, signature))) return undefined;
    return verify("sha256", signed.whole, authority.publicKey, signature) ? fieldsOf(signed) : undefined;
  } catch {
    return undefined;
  }
}

/** Of bytes that we have signed: their form is `signList`'s. */
function fieldsOf(signed: Item): RevocationList {
  const [, , , thisUpdate, nextUpdate, ...rest] = items(signed.content);
  if (thisUpdate === undefined || nextUpdate === undefined) throw new RangeError("no list");
  const entries = new Map<string, EpochMs>();
  const listed = rest.find(({ tag }) => tag === tags.sequence);
  for (const entry of listed === undefined ? [] : items(listed.content)) {
    const [serial, at] = items(entry.content);
    if (serial === undefined || at === undefined) throw new RangeError("no entry");
    entries.set(integerOf(serial), timeOf(at));
  }
  const [extensions] = items(content(rest.find(({ tag }) => tag === contextTag(0))));
  const last = items(content(extensions)).at(-1);
  const [, value] = items(content(last));
  const [number] = items(content(value));
  if (number === undefined) throw new RangeError("no number");
  return {
    number: Number.parseInt(integerOf(number), 16),
    thisUpdate: timeOf(thisUpdate),
    nextUpdate: timeOf(nextUpdate),
    entries,
  };
}

function content(item: Item | undefined): Buffer {
  if (item === undefined) throw new RangeError("something is missing");
  return item.content;
}
