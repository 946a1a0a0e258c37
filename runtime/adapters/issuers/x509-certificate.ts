// One client certificate of one run: what it says, and a second look at what was signed, before anybody has it. The key pair
// is made here and nobody sends a request for a certificate: there is nothing of a stranger's to copy in. It says who
// (the run's SPIFFE ID, its only name), what for (TLS clients), what it may (the scope, x509-scope.ts) and until when.

import { hex, type RunId, runIdDigits, runIdFromDigits } from "../../model/ids.ts";
import type { EpochMs } from "../../model/units.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import { type Authority, keyAlgorithm, pemOf, signingAlgorithm } from "./x509-authority.ts";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "./x509-library.ts";

export interface ClientOrder {
  /** 40 hex digits, positive. */
  serial: string;
  /** The one name: the SPIFFE ID of the run. */
  uri: string;
  /** `O` of the subject. */
  organization: string;
  /** One `OU` each. */
  scope: readonly string[];
  notBefore: EpochMs;
  /** On a whole second. */
  notAfter: EpochMs;
}

export interface ClientCertificate {
  /** PEM. */
  certificate: string;
  /** PEM, PKCS #8. */
  privateKey: string;
}

/**
 * 20 bytes, as many as there may be (RFC 5280, 4.1.2.2): two bits that keep it positive and its length, 6 random ones, the 16
 * bytes of the run's id, and 24 more random bits. So a second certificate of a run differs by 30, and the registry
 * refuses one that doesn't.
 */
export function serialFor(runId: RunId, random: Uint8Array): string {
  const [first = 0, ...rest] = random;
  return `${hex(Uint8Array.of(0x40 | (first & 0x3f)))}${runIdDigits(runId)}${hex(Uint8Array.from(rest.slice(0, 3)))}`;
}

export function runOfSerial(serial: string): RunId | undefined {
  return runIdFromDigits(serial.slice(2, 34));
}

export async function signClient(authority: Authority, order: ClientOrder): Promise<ClientCertificate> {
  const pair = await crypto.subtle.generateKey(keyAlgorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: order.serial,
    issuer: authority.certificate.subjectName,
    subject: [{ O: [order.organization] }, ...order.scope.map((entry) => ({ OU: [entry] }))],
    notBefore: new Date(order.notBefore),
    notAfter: new Date(order.notAfter),
    publicKey: pair.publicKey,
    signingKey: authority.signingKey,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension([{ type: "url", value: order.uri }]),
      await AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
    ],
  });
  refuseOther(pemOf(certificate), order);
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", pair.privateKey)).toString("base64");
  const lines = pkcs8.match(/.{1,64}/g) ?? [];
  const privateKey = ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n");
  return { certificate: pemOf(certificate), privateKey };
}

const extensionsOfAClient = ["2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.35", "2.5.29.37"];

/**
 * Reads what was signed and holds it against what was ordered, so that a power that nobody ordered never leaves here.
 * @throws IssuerFailure `issuer_garbage`.
 */
export function refuseOther(pem: string, order: ClientOrder): void {
  const certificate = new X509Certificate(pem);
  const subject = [`O=${order.organization}`, ...order.scope.map((entry) => `OU=${entry}`)].join(", ");
  const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.toJSON();
  const basic = certificate.getExtension(BasicConstraintsExtension);
  const usage = certificate.getExtension(KeyUsagesExtension);
  const purposes = certificate.getExtension(ExtendedKeyUsageExtension)?.usages;
  const extensions = [...certificate.extensions.map(({ type }) => type)].sort();
  const found: [what: string, isAsOrdered: boolean][] = [
    ["a power to sign", basic?.ca === false && basic.critical && usage?.usages === KeyUsageFlags.digitalSignature],
    ["another usage", usage?.critical === true && same(purposes, [ExtendedKeyUsage.clientAuth])],
    ["another name", same(names, [{ type: "url", value: order.uri }]) && certificate.subject === subject],
    ["an extension too many or too few", same(extensions, extensionsOfAClient)],
    ["another serial number", certificate.serialNumber === order.serial],
    ["a longer life", certificate.notAfter.getTime() <= order.notAfter],
    ["an earlier life", certificate.notBefore.getTime() >= Math.floor(order.notBefore / 1_000) * 1_000],
  ];
  const problem = found.find(([, isAsOrdered]) => !isAsOrdered);
  if (problem === undefined) return;
  throw new IssuerFailure("issuer_garbage", `the certificate that was signed has ${problem[0]}, which nobody ordered`);
}

function same(found: unknown, wanted: unknown): boolean {
  return JSON.stringify(found) === JSON.stringify(wanted);
}
