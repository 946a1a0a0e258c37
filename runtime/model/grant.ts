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

/**
 * Where a sealed credential may be put into a request: exactly one of these. The last two put in no text: the request is
 * signed with it (AWS Signature Version 4), or sent over a connection that shows it (TLS client certificate, RFC 8446).
 */
export type SealedPlace =
  /** Lower-case header name. */
  | { header: string }
  /** Query parameter. */
  | { query: string }
  /** Field of an application/x-www-form-urlencoded body. */
  | { form: string }
  /** Member of a JSON body, as a JSON Pointer (RFC 6901). */
  | { json: string }
  /** User name of Basic authentication (RFC 7617), whose password it is. */
  | { basic: string }
  | { aws4: { region: string; service: string } }
  | { tls: "client" };

/**
 * sealed: a placeholder, replaced at egress. revealed: the value. The others are operations that the supervisor does with
 * it: query (PostgreSQL), command (Redis), exec (SSH).
 */
export type Delivery = "sealed" | "revealed" | "query" | "command" | "exec";

/** Deliveries by which the job never holds anything, and asks for what is to be done with the credential. */
export const operationDeliveries = ["query", "command", "exec"] as const satisfies readonly Delivery[];
export type OperationDelivery = (typeof operationDeliveries)[number];

export interface CredentialGrant {
  /** Name of an issuer in the config. */
  issuer: string;
  scope: readonly string[];
  /** Longest life, ms; the run's deadline plus a minute bounds it too. */
  ttlMs: number;
  delivery: Delivery;
  /** Why this job needs it; goes into the audit and, where the issuer can carry it, into the credential. */
  purpose: string;
  /** Ended when it has not been used for so long, ms; null: at the run's end. */
  idleMs: number | null;
  /** Requests or operations that may use it; null: as many as the limits of the run allow. */
  usesMax: number | null;
  /** A leak always ends the lease. "end": the run too. */
  onLeak: "revoke" | "end";
  /** sealed only. */
  sealed?: SealedGrant;
  /** query only. */
  query?: QueryGrant;
  /** command and exec only. */
  operation?: OperationGrant;
}

export interface SealedGrant {
  place: SealedPlace;
  /** As in rules, with port where it isn't the scheme's own (`127.0.0.1:7421`). */
  hosts: readonly string[];
  /** Narrower than the hosts: only requests that one of these matches; null: any that the network's rules allow. */
  requests: readonly NetworkRule[] | null;
  /** How often the placeholder may stand in one request. */
  perRequest: number;
}

/** Bounds of one operation. */
export interface OperationGrant {
  bytesMax: number;
  timeMs: number;
}

export interface QueryGrant {
  /** Without it each query runs in a read-only transaction. */
  write: boolean;
  rowsMax: number;
  bytesMax: number;
  timeMs: number;
}

export interface IdentityGrant {
  /** For whom tokens may be had; compared letter by letter. */
  audiences: readonly string[];
}

/** What of V8 a job has that is off otherwise: memory and code beside its heap, and with shared memory a fine timer. */
export interface IsolateGrant {
  webAssembly: boolean;
  sharedMemory: boolean;
}

export const noIsolateGrant: IsolateGrant = { webAssembly: false, sharedMemory: false };

export interface Grants {
  network: NetworkGrant;
  files: FilesGrant;
  credential: CredentialGrant | null;
  identity: IdentityGrant | null;
  /** Absent: neither. */
  isolate?: IsolateGrant;
}
