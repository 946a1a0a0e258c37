// Ed25519 keys as OpenSSH writes them: public ones as blobs and lines (RFC 8709, RFC 4253 6.6), private ones as its own
// unencrypted format (PROTOCOL.key), which is what `ssh -i` takes. Reading a private key takes only what we have written.
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { byte, join, readAll, string, uint32 } from "./ssh-wire.ts";

export const ed25519 = "ssh-ed25519";
const rawBytes = 32;
const begin = "-----BEGIN OPENSSH PRIVATE KEY-----";
const end = "-----END OPENSSH PRIVATE KEY-----";
const magic = Buffer.from("openssh-key-v1\0", "latin1");
const blockBytes = 8; // of the cipher "none"
const lineChars = 70; // OpenSSH's own

/** A signing pair: 32 bytes each. */
export interface KeyPair {
  seed: Uint8Array;
  publicKey: Uint8Array;
}

export function makeKeyPair(): KeyPair {
  const { d = "", x = "" } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  return { seed: Buffer.from(d, "base64url"), publicKey: Buffer.from(x, "base64url") };
}

export function signingKey({ seed, publicKey }: KeyPair): KeyObject {
  const [d, x] = [seed, publicKey].map((bytes) => Buffer.from(bytes).toString("base64url"));
  return createPrivateKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", d: d as string, x: x as string } });
}

export function publicBlob(publicKey: Uint8Array): Buffer {
  return join(string(ed25519), string(publicKey));
}

/** As in authorized_keys, known_hosts and TrustedUserCAKeys. */
export function publicLine(type: string, blob: Uint8Array, comment: string): string {
  return `${type} ${Buffer.from(blob).toString("base64")} ${comment}`;
}

/** PEM-like text of the private key. */
export function privateKeyText({ seed, publicKey }: KeyPair, check: Uint8Array, comment: string): string {
  const key = join(string(ed25519), string(publicKey), string(join(seed, publicKey)), string(comment));
  const plain = join(check, check, key);
  const padding = Array.from({ length: (blockBytes - (plain.length % blockBytes)) % blockBytes }, (_, at) => at + 1);
  const sealed = string(join(plain, ...padding.map(byte)));
  const header = join(magic, string("none"), string("none"), string(""), uint32(1), string(publicBlob(publicKey)));
  const lines =
    join(header, sealed)
      .toString("base64")
      .match(new RegExp(`.{1,${lineChars}}`, "g")) ?? [];
  return [begin, ...lines, end, ""].join("\n");
}

/** @throws RangeError for what isn't `privateKeyText`'s; the message shows nothing of it. */
export function readPrivateKey(text: string): KeyPair {
  try {
    const body = new RegExp(`^${begin}\n([A-Za-z0-9+/=\n]+)${end}\n$`).exec(text)?.[1] ?? "";
    return readAll(Buffer.from(body, "base64"), (reader) => {
      if (!reader.raw(magic.length).equals(magic)) throw new RangeError("magic");
      for (const word of ["none", "none", ""]) if (reader.text() !== word) throw new RangeError("encrypted");
      if (reader.uint32() !== 1) throw new RangeError("several keys");
      reader.string();
      return readPlain(reader.string());
    });
  } catch {
    throw new RangeError("that is no private key of ours"); // without a cause: it may quote the key
  }
}

// The padding behind it says nothing.
function readPlain(plain: Uint8Array): KeyPair {
  const { seed, publicKey } = readAll(plain, (reader) => {
    reader.raw(8);
    if (reader.text() !== ed25519) throw new RangeError("another type");
    const publicKey = Buffer.from(reader.string());
    const both = Buffer.from(reader.string());
    reader.text();
    reader.raw(reader.left);
    return { publicKey, seed: both.subarray(0, rawBytes), again: both.subarray(rawBytes) };
  });
  if (seed.length !== rawBytes || publicKey.length !== rawBytes) throw new RangeError("a key of another length");
  return { seed, publicKey };
}

/**
 * What gives a private key away by itself: each line of its Base64 body that has a bit of the seed, and the body as one.
 * The lines before say no more than the public key does.
 */
export function secretLines(text: string, { seed }: KeyPair): string[] {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("-----"));
  const body = lines.join("");
  const from = Buffer.from(body, "base64").indexOf(seed);
  const lineOf = (bit: number) => Math.floor(bit / 6 / lineChars);
  return [...lines.slice(lineOf(from * 8), lineOf((from + seed.length) * 8 - 1) + 1), body];
}
