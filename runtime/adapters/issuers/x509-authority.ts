// The certificate authority of one x509 issuer: a P-256 key and a certificate that it signed itself, made at the first use
// and kept together, encrypted, by the key store. It can sign client certificates and revocation lists, and no other
// authority: path length 0, usage keyCertSign and cRLSign, purpose clientAuth. What it signs is x509-certificate.ts's
// and x509-list.ts's business.
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { MayflyError } from "../../model/error.ts";
import { hex } from "../../model/ids.ts";
import type { EpochMs } from "../../model/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KeyStore } from "../../ports/key-store.ts";
import type { Random } from "../../ports/random.ts";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "./x509-library.ts";

export interface Authority {
  certificate: X509Certificate;
  /** What servers are told to trust. */
  pem: string;
  notAfter: EpochMs;
  /** For certificates; it can't be exported. */
  signingKey: CryptoKey;
  /** The same, for lists. */
  listKey: KeyObject;
  publicKey: KeyObject;
}

export const keyAlgorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
export const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" } as const;

/** Clocks of servers may be behind ours by so much (CRED-32). */
export const skewMs = 300_000;
/** Servers are told of a new authority by hand: seldom. */
const lifeMs = 10 * 365 * 86_400_000;

export interface AuthorityParts {
  /** Of the issuer in the config. */
  name: string;
  /** 8 hex digits. */
  installation: string;
  keys: KeyStore;
  clock: Clock;
  random: Random;
}

/** @throws MayflyError `state_directory` for a kept authority that can't be read. */
export async function openAuthority(parts: AuthorityParts): Promise<Authority> {
  const kept = await parts.keys.readOrMake(`x509-${parts.name}`, () => make(parts));
  try {
    const { certificate, privateKey } = JSON.parse(new TextDecoder().decode(kept)) as Record<string, string>;
    return await readAuthority(String(certificate), Buffer.from(String(privateKey), "base64"));
  } catch {
    // The cause is left out: what parsers say may quote the key.
    throw new MayflyError({
      code: "state_directory",
      message: `the certificate authority of issuer ${parts.name} can't be used`,
      found: "a sealed file that holds no authority of this form",
      needed: "a P-256 key and the certificate that it signed itself",
      next: `restore keys/x509-${parts.name}.sealed from a backup; or give the issuer another name, and servers the new authority`,
    });
  }
}

async function make({ name, installation, clock, random }: AuthorityParts): Promise<Uint8Array> {
  const pair = await crypto.subtle.generateKey(keyAlgorithm, true, ["sign", "verify"]);
  const now = clock.nowMs();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    keys: pair,
    signingAlgorithm,
    serialNumber: positive(random.bytes(20)),
    name: [{ O: [`mayfly-${installation}`] }, { CN: [`client authority ${name}`] }],
    notBefore: new Date(now - skewMs),
    notAfter: new Date(now + lifeMs),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
      await SubjectKeyIdentifierExtension.create(pair.publicKey),
    ],
  });
  const privateKey = Buffer.from(await crypto.subtle.exportKey("pkcs8", pair.privateKey)).toString("base64");
  return new TextEncoder().encode(JSON.stringify({ certificate: pemOf(certificate), privateKey }));
}

async function readAuthority(pem: string, pkcs8: Buffer): Promise<Authority> {
  const certificate = new X509Certificate(pem);
  const listKey = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  const publicKey = createPublicKey(listKey);
  const own = publicKey.export({ format: "der", type: "spki" });
  if (!own.equals(Buffer.from(certificate.publicKey.rawData))) throw new TypeError("another key's certificate");
  return {
    certificate,
    pem: pemOf(certificate),
    notAfter: certificate.notAfter.getTime(),
    signingKey: await crypto.subtle.importKey("pkcs8", new Uint8Array(pkcs8), keyAlgorithm, false, ["sign"]),
    listKey,
    publicKey,
  };
}

export function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString("pem").trim()}\n`;
}

/** As a serial number, whose first bit is its sign. */
function positive(bytes: Uint8Array): string {
  return hex(Uint8Array.of(0x40 | ((bytes[0] ?? 0) & 0x3f), ...bytes.subarray(1)));
}
