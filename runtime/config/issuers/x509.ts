// The embedded issuer of TLS client certificates.
import { resolve } from "node:path";
import { check, Unfit } from "../problems.ts";
import { choice, duration, leaf, object, relativePath } from "../values.ts";
import type { IssuerKind } from "./kind.ts";

export interface AuthorX509Issuer {
  kind: "x509";
  /**
   * How long a revocation list is good for: servers take no certificate under one that is older. From 2 minutes to 7 days,
   * "1h" by default. A process of this installation signs it anew at half of that, and at every revocation.
   */
  crlLife?: string;
  /** A server that each revoked certificate is tried at before its lease counts as ended. */
  probe?: {
    /** https; a page that it answers with 2xx for a certificate that it takes. */
    url: string;
    /** PEM file of the authorities that vouch for the server, in the place of Node's own; relative to the config. */
    ca?: string;
  };
}

export interface X509IssuerConfig {
  kind: "x509";
  name: string;
  crlLifeMs: number;
  /** `ca` is absolute. */
  probe: { url: URL; ca: string | null } | null;
}

const minuteMs = 60_000;
const defaultCrlLifeMs = 60 * minuteMs;

const httpsUrl = leaf((value) => {
  const url = typeof value === "string" ? URL.parse(value) : null;
  const fits = url !== null && url.protocol === "https:" && url.username === "" && url.password === "";
  return fits ? url : new Unfit("an https URL without a user", { found: "something else" });
});

const shape = object({
  kind: choice(["x509"]),
  crlLife: duration(7 * 24 * 60 * minuteMs, 2 * minuteMs).optional(),
  probe: object({ url: httpsUrl, ca: relativePath.optional() }).optional(),
});

export const x509Kind: IssuerKind<"x509", X509IssuerConfig> = {
  kind: "x509",
  about: "embedded TLS client certificates",
  deliveries: ["sealed"],
  place: "tls",
  parse(value, { name, directory, path, problems }) {
    const words = check(shape, value, path, problems)?.value;
    if (words === undefined) return undefined;
    const { probe, crlLife = defaultCrlLifeMs } = words;
    const ca = probe?.ca === undefined ? null : resolve(directory, probe.ca);
    return { kind: "x509", name, crlLifeMs: crlLife, probe: probe === undefined ? null : { url: probe.url, ca } };
  },
};
