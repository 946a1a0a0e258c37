// What a run may do, as plain data: decided once at admission, read by the gate at every call.
// An absent grant permits nothing; an empty list permits nothing.
import type { FileQuota } from "./limits.ts";

/** One line of the outbound allowlist, e.g. `GET https://api.partner.example/v1/*`, parsed. */
export interface NetworkRule {
  /** As written in the config: named in denials. */
  text: string;
  methods: readonly string[];
  scheme: "http" | "https";
  /** Lower-case ASCII host name without trailing dot, or an address literal in canonical form (IPv6 in brackets). */
  host: string;
  port: number;
  /** Percent-encoded path. With `pathIsPrefix` everything below it too. */
  path: string;
  pathIsPrefix: boolean;
}

export interface NetworkGrant {
  allow: readonly NetworkRule[];
  /** CIDR blocks of special-purpose addresses (private, loopback) to which an allowed host name may resolve. */
  privateAddresses: readonly string[];
}

export interface FilesGrant {
  /** Guest path (absolute, e.g. `/data`) to absolute host path. All read-only. */
  mounts: Readonly<Record<string, string>>;
  quota: FileQuota;
}

/** Where a sealed credential may be put into a request. */
export interface SealedPlace {
  /** Lower-case header name. */
  header: string;
}

export type Delivery = "sealed" | "revealed" | "query";

export interface CredentialGrant {
  /** Name of an issuer in the config. */
  issuer: string;
  scope: readonly string[];
  /** Longest life, ms; the run's deadline plus a minute bounds it too. */
  ttlMs: number;
  /** sealed: a placeholder, replaced at egress. revealed: the value. query: operations of the supervisor (PostgreSQL). */
  delivery: Delivery;
  /** Why this job needs it; goes into the audit and, where the issuer can carry it, into the credential. */
  purpose: string;
  /** sealed only. */
  place?: SealedPlace;
  /** sealed only: hosts, as in rules, with port where it isn't the scheme's own (`127.0.0.1:7421`). */
  hosts?: readonly string[];
  /** query only. */
  query?: QueryGrant;
}

export interface QueryGrant {
  /** Without it each query runs in a read-only transaction. */
  write: boolean;
  rowsMax: number;
  bytesMax: number;
  timeMs: number;
}

export interface Grants {
  network: NetworkGrant;
  files: FilesGrant;
  credential: CredentialGrant | null;
}
