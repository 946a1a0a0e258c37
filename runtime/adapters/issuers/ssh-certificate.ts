// One user certificate of one run (PROTOCOL.certkeys, ssh-ed25519-cert-v01@openssh.com): what it says, and a second look at
// what was signed before anybody has it. The key pair is made here and nobody sends a request: there is nothing of a
// stranger's to copy in. It says who (key id), as whom (principals), what for (one forced command), and until when. No
// extension: no terminal, no forwarding, no rc file.
//
// An empty list of principals would be good for everybody, and a critical option that is lost is a login shell: both
// are refused before signing, and again when what was signed is read back.
import { type KeyObject, sign, verify } from "node:crypto";
import { quote } from "../../model/error.ts";
import type { EpochMs } from "../../model/units.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import { ed25519, publicBlob } from "./ssh-keys.ts";
import { join, readAll, string, strings, uint32, uint64, WireReader } from "./ssh-wire.ts";

export const certificateType = "ssh-ed25519-cert-v01@openssh.com";
const userType = 1; // a host's is 2
const nonceBytes = 32;
const principalsMax = 8;
/** Of options and principals together: a certificate goes into one packet of at least 32 KiB. */
const textCharsMax = 4_096;

export interface CertificateOrder {
  /** The subject's, 32 bytes. */
  publicKey: Uint8Array;
  /** Not 0, which is what certificates without a number have: a revocation list can't name it. */
  serial: bigint;
  keyId: string;
  principals: readonly string[];
  validAfter: EpochMs;
  validBefore: EpochMs;
  forceCommand: string;
  /** CIDR blocks; empty for anywhere. */
  sourceAddresses: readonly string[];
}

/** Signs for one authority. */
export interface CertificateSigner {
  /** Blob of its public key. */
  blob: Uint8Array;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

/**
 * @param nonce 32 random bytes.
 * @returns the certificate's blob. @throws IssuerFailure `issuer_refused` for what may not be signed.
 */
export function signCertificate(signer: CertificateSigner, order: CertificateOrder, nonce: Uint8Array): Buffer {
  refuse(signer, order, nonce);
  const signed = join(
    string(certificateType),
    string(nonce),
    string(order.publicKey),
    uint64(order.serial),
    uint32(userType),
    string(order.keyId),
    string(join(...order.principals.map(string))),
    uint64(seconds(order.validAfter)),
    uint64(seconds(order.validBefore)),
    string(join(...optionsOf(order).flatMap(([name, value]) => [string(name), string(string(value))]))),
    string(""), // extensions
    string(""), // reserved
    string(signer.blob),
  );
  const signature = join(string(ed25519), string(sign(null, signed, signer.privateKey)));
  const blob = join(signed, string(signature));
  refuseOther(signer, order, blob);
  return blob;
}

/** Downwards: never later than asked. */
function seconds(at: EpochMs): bigint {
  return BigInt(Math.floor(at / 1_000));
}

/** By name, as the format wants them. */
function optionsOf({ forceCommand, sourceAddresses }: CertificateOrder): [name: string, value: string][] {
  const options: [string, string][] = [["force-command", forceCommand]];
  if (sourceAddresses.length > 0) options.push(["source-address", sourceAddresses.join(",")]);
  return options;
}

function refuse(signer: CertificateSigner, order: CertificateOrder, nonce: Uint8Array): void {
  const { principals, forceCommand, serial, keyId } = order;
  const texts = [...principals, forceCommand, keyId, ...order.sourceAddresses];
  const chars = texts.reduce((sum, text) => sum + text.length, 0);
  const problems: [isProblem: boolean, found: string][] = [
    [principals.length === 0, "no principal, which would be good for every user"],
    [principals.length > principalsMax, `${principals.length} principals, needed at most ${principalsMax}`],
    [forceCommand.trim() === "", "no command, which would be a shell"],
    [
      texts.some((text) => text === "" || /[\p{Cc}\u2028\u2029\p{Cs}]/u.test(text)),
      "an empty text or control characters",
    ],
    [chars > textCharsMax, `${chars} characters of text, needed at most ${textCharsMax}`],
    [serial < 1n || serial >= 1n << 64n, "a serial number that a revocation list can't name"],
    [!(order.validBefore - order.validAfter >= 1_000), "a life of less than a second"],
    [order.publicKey.length !== 32 || nonce.length !== nonceBytes, "a key or a nonce of another length"],
    // What the authority's own key signs is a certificate.
    [publicBlob(order.publicKey).equals(signer.blob), "the authority's own key as its subject"],
    [!isPlainKey(signer.blob), "an authority that is no plain Ed25519 key"],
  ];
  const wild = principals.find((principal) => !isPrincipal(principal));
  if (wild !== undefined) problems.push([true, `the principal ${quote(wild)}: letters, digits and . _ @ - only`]);
  const problem = problems.find(([isProblem]) => isProblem);
  if (problem !== undefined) throw new IssuerFailure("issuer_refused", `not to be signed: ${problem[1]}`);
}

/** A name without anything that a pattern, a list or an option could be made of. */
export function isPrincipal(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}$/.test(text);
}

/** Not a certificate: those don't sign certificates. */
function isPlainKey(blob: Uint8Array): boolean {
  try {
    const [type, length] = readAll(blob, (reader) => [reader.text(), reader.string().length]);
    return type === ed25519 && length === 32;
  } catch {
    return false;
  }
}

export interface Certificate {
  publicKey: Buffer;
  serial: bigint;
  /** 1 for users. */
  type: number;
  keyId: string;
  principals: string[];
  /** Seconds. */
  validAfter: bigint;
  validBefore: bigint;
  options: [name: string, value: string][];
  extensions: string[];
  signer: Buffer;
  /** What the signature is over, and its bytes. */
  signed: Buffer;
  signature: Buffer;
}

/** @throws WireError for what is no such certificate. Its signature is not looked at. */
export function readCertificate(blob: Uint8Array): Certificate {
  return readAll(blob, (reader) => {
    if (reader.text() !== certificateType) throw new RangeError("another type of certificate");
    reader.string(); // nonce
    const certificate = {
      publicKey: reader.string(),
      serial: reader.uint64(),
      type: reader.uint32(),
      keyId: reader.text(),
      principals: strings(reader.string()),
      validAfter: reader.uint64(),
      validBefore: reader.uint64(),
      options: readOptions(reader.string()),
      extensions: readOptions(reader.string()).map(([name]) => name),
      reserved: reader.string(),
      signer: reader.string(),
    };
    const signed = Buffer.from(blob).subarray(0, blob.length - reader.left);
    const signature = readAll(reader.string(), (inner) => {
      if (inner.text() !== ed25519) throw new RangeError("another type of signature");
      return inner.string();
    });
    return { ...certificate, signed, signature };
  });
}

function readOptions(bytes: Uint8Array): [string, string][] {
  const reader = new WireReader(bytes);
  const options: [string, string][] = [];
  while (reader.left > 0) {
    const name = reader.text();
    const value = reader.string();
    options.push([name, value.length === 0 ? "" : readAll(value, (inner) => inner.text())]);
  }
  return options;
}

/**
 * Holds what was signed against what was ordered, so that a power that nobody ordered never leaves here.
 * @throws IssuerFailure `issuer_garbage`.
 */
export function refuseOther(signer: CertificateSigner, order: CertificateOrder, blob: Uint8Array): void {
  const found = readOrRefuse(blob);
  const differences: [what: string, isAsOrdered: boolean][] = [
    ["another type than a user's", found.type === userType],
    ["another key", found.publicKey.equals(order.publicKey)],
    ["another serial number or key id", found.serial === order.serial && found.keyId === order.keyId],
    ["other principals", found.principals.length > 0 && same(found.principals, order.principals)],
    ["other critical options", same(found.options, optionsOf(order))],
    ["an extension", found.extensions.length === 0],
    ["a longer life", found.validBefore === seconds(order.validBefore)],
    ["an earlier life", found.validAfter === seconds(order.validAfter)],
    ["another authority", found.signer.equals(signer.blob)],
    ["a signature that isn't its authority's", verify(null, found.signed, signer.publicKey, found.signature)],
  ];
  const problem = differences.find(([, isAsOrdered]) => !isAsOrdered);
  if (problem === undefined) return;
  throw new IssuerFailure("issuer_garbage", `the certificate that was signed has ${problem[0]}, which nobody ordered`);
}

function readOrRefuse(blob: Uint8Array): Certificate {
  try {
    return readCertificate(blob);
  } catch (error) {
    throw new IssuerFailure("issuer_garbage", "what was signed is no certificate", error);
  }
}

function same(found: unknown, wanted: unknown): boolean {
  return JSON.stringify(found) === JSON.stringify(wanted);
}
