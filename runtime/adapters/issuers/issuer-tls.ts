// TLS to issuers that speak a protocol of their own: the files that a transport names, read once, and Node's options from
// them. The server is always verified, by its name or address too.

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { MayflyError, quote } from "../../model/error.ts";
import type { Transport } from "../../model/issuer.ts";

export type TlsOptions = Pick<
  ConnectionOptions,
  "ca" | "cert" | "key" | "rejectUnauthorized" | "minVersion" | "servername"
>;

/**
 * @param clientKey PEM; null without a client certificate.
 * @throws MayflyError `config_invalid` for a file that can't be read, or that holds no certificate.
 */
export function readTlsOptions(transport: Transport, clientKey: string | null, host: string): TlsOptions {
  const { ca, client } = transport;
  return {
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    // An address is compared with those of the certificate; as a server name it may not be sent (RFC 6066, 3).
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === null ? {} : { ca: readCertificates(ca, "tls.ca") }),
    ...(client === null || clientKey === null
      ? {}
      : { cert: readCertificates(client.certificate, "tls.certificate"), key: clientKey }),
  };
}

// Node takes a file without any certificate in it for an empty list, and would then trust nobody without saying why.
function readCertificates(path: string, key: string): string {
  let cause: unknown;
  try {
    const pem = readFileSync(path, "utf8");
    new X509Certificate(pem);
    return pem;
  } catch (error) {
    cause = error;
  }
  throw new MayflyError({
    code: "config_invalid",
    message: `${key} of an issuer can't be used`,
    found: quote(path, 300),
    needed: "a readable PEM file with a certificate",
    cause,
  });
}
