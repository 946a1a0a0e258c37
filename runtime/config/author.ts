// The config as its author writes it: the words, their units and their defaults. Types only; what is accepted is
// decided in shape.ts, what must fit together in relations.ts.

import type { AuthorIdentityIssuer } from "./identity.ts";
import type { AuthorIssuer } from "./issuers/all.ts";
import type { AuthorKeys } from "./keys.ts";

export type { AuthorIdentityIssuer } from "./identity.ts";
export type * from "./issuers/all.ts";
export type { AuthorSecretSource } from "./issuers/kind.ts";
export type { AuthorKeys } from "./keys.ts";

/** A whole number and its unit: "250ms", "30s", "5m", "1h", "1d". */
export type Duration = `${number}${"ms" | "s" | "m" | "h" | "d"}`;
/** A whole number and its unit, powers of 1,024: "512B", "64KiB", "16MiB", "1GiB". */
export type Size = `${number}${"B" | "KiB" | "MiB" | "GiB"}`;

export interface SandboxConfig {
  /** Directory of Mayfly's own state, relative to the config. Default ".mayfly". */
  state?: string;
  executor?: {
    /**
     * "required": no run without the operating system's walls. "preferred": a run without them says so in its record.
     * Without the key, the command that starts Mayfly decides.
     */
    osSandbox?: "required" | "preferred";
    /** Executors that are kept ready. Default 2. */
    warm?: number;
    /**
     * "same-job": the next run of the same job, with the same bundle and of the same tenant, may get a fresh isolate in the
     * process of the run before. Faster, and one wall thinner: who got out of the isolate is still there. Default: a process
     * a run.
     */
    reuse?: "same-job";
    /** With `reuse`: runs of one process, at most. Default 100. */
    runsMax?: number;
  };
  scheduler?: {
    /** Runs at once. Default 4. */
    concurrency?: number;
    /** Accepted runs that wait; further submissions are turned away. Default 1000. */
    queue?: number;
    /** How long running jobs may go on once Mayfly is told to stop. Default "30s". */
    drain?: Duration;
  };
  /** Where the key is that wraps all others. Made with `keys.file` (the default), `keys.pkcs11` or `keys.transit`. */
  keys?: AuthorKeys;
  /** How others verify who a run is; for jobs with `identity`. */
  identity?: AuthorIdentityIssuer;
  /** Where credentials come from, by name. Made with `issuers.jwt`, `issuers.postgres` and their like. */
  issuers?: Record<string, AuthorIssuer>;
  /** What may run, by name, and what each may do. */
  jobs: Record<string, AuthorJob>;
}

export interface AuthorJob {
  /** The job's module, relative to the config and below its directory. */
  entry: string;
  /** Whose job it is. Default "default". */
  tenant?: string;
  /** Absent: runs only when asked to. */
  schedule?: AuthorSchedule;
  /** Absent: the job has no credential. */
  credential?: AuthorCredential;
  /** Absent: the job can show nobody who it is. */
  identity?: AuthorIdentity;
  /** Absent: the job reaches nothing. */
  network?: AuthorNetwork;
  files?: AuthorFiles;
  /** Absent: what V8 has beside the heap is off. */
  isolate?: AuthorIsolate;
  limits?: AuthorLimits;
  /**
   * Keeps what each run was given, encrypted and without its credential, for `mayfly replay`. A run that is recorded has a
   * clock that stands still while it computes. `bytes`: of one recording, default "16MiB". Default false.
   */
  record?: boolean | { bytes?: Size };
}

export interface AuthorIsolate {
  /** WebAssembly: code and memory that count towards `limits.memory` all the same. Default false. */
  webAssembly?: boolean;
  /** SharedArrayBuffer and Atomics, with which a fine timer can be built. Default false. */
  sharedMemory?: boolean;
}

export interface AuthorSchedule {
  /** Five fields (minute, hour, day of month, month, day of week), or six with seconds first. */
  cron: string;
  /** IANA time zone. Default "UTC". */
  timezone?: string;
  /** A slot that comes while the last run goes on. Default "skip". */
  overlap?: "skip" | "allow";
}

export interface AuthorCredential {
  /** Name of an issuer of this config. */
  issuer: string;
  /** What the credential permits, in the issuer's own words. */
  scope: readonly string[];
  /** Longest life. The end of the run ends it sooner. */
  ttl: Duration;
  /**
   * "sealed" (default): the job holds a placeholder, which becomes the secret on its way out.
   * "revealed": the job gets the secret. "query": the job gets answers to SQL (PostgreSQL).
   * "command": to commands (Redis). "exec": to one program on another host (SSH).
   */
  delivery?: "sealed" | "revealed" | "query" | "command" | "exec";
  /** Why the job needs it, in a few words: goes into the audit log. */
  purpose: string;
  /** Requests or operations that may use it. Default: as many as the run may make. */
  uses?: number;
  /** Ended when it hasn't been used for so long. Default: only with the run. */
  idle?: Duration;
  /** A leak always ends the credential at once; "end" ends the run too. Default "revoke". */
  onLeak?: "revoke" | "end";
  /** sealed: the one place that takes the secret. Default { header: "authorization" }. */
  place?: AuthorPlace;
  /** sealed: the hosts that get the secret, as in `network.allow`, with the port where it isn't the scheme's own. */
  hosts?: readonly string[];
  /** sealed: only such requests get it; rules as in `network.allow`, for the hosts above. Default: all of those hosts. */
  requests?: readonly string[];
  /** sealed: how often the placeholder may stand in one request. Default 1. */
  perRequest?: number;
  /** query: bounds of one statement. */
  query?: {
    /** Default false: each statement runs in a read-only transaction. */
    write?: boolean;
    /** Rows of one answer. Default 10000. */
    rows?: number;
    /** One answer as JSON. Default "4MiB". */
    bytes?: Size;
    /** Default "10s". */
    time?: Duration;
  };
  /** command and exec: bounds of one operation. */
  operation?: {
    /** One answer. Default "4MiB". */
    bytes?: Size;
    /** Default "10s". */
    time?: Duration;
  };
}

/** Exactly one key. */
export type AuthorPlace =
  | { header: string }
  | { query: string }
  /** Field of an application/x-www-form-urlencoded body. */
  | { form: string }
  /** Member of a JSON body, as a JSON Pointer: "/auth/token" (RFC 6901). */
  | { json: string }
  /** User name of Basic authentication, whose password the secret is. */
  | { basic: string }
  /** An aws issuer's: requests are signed on their way out. */
  | { aws4: { region: string; service: string } }
  /** An x509 issuer's: the certificate is shown to the server. */
  | { tls: "client" };

export interface AuthorIdentity {
  /** For whom the job may have tokens that say which run it is. */
  audiences: readonly string[];
}

export interface AuthorNetwork {
  /** "METHOD[,METHOD] scheme://host[:port]/path", with `*` at the path's end for all below it. An empty list allows nothing. */
  allow: readonly string[];
  /** CIDR blocks of private or loopback addresses to which an allowed host name may resolve. Default none. */
  privateAddresses?: readonly string[];
}

export interface AuthorFiles {
  /** Path that the job sees, to a file or directory relative to the config. Read-only. */
  mounts?: Record<string, string>;
  /** The private directory. Default 16MiB in 1000 files and directories, 16 deep. */
  quota?: Size | { bytes?: Size; entries?: number; depth?: number };
}

export interface AuthorLimits {
  /** From launch to result. Default "60s". */
  wall?: Duration;
  /** CPU time. Default "10s", or `wall` where that is less. */
  cpu?: Duration;
  /** What the job may add, on and off the heap. Default "64MiB". */
  memory?: Size;
  /** All log text of a run. Default "1MiB". */
  logs?: Size;
  /** The result as JSON. Default "1MiB". */
  result?: Size;
  /** HTTP requests of a run, redirects included. Default 1000. */
  requests?: number;
  /** HTTP requests under way at once; further ones wait. Default 16. */
  requestsAtOnce?: number;
  /** One HTTP request, redirects included. Default "30s", or `wall` where that is less. */
  requestTime?: Duration;
  /** Default "4MiB". */
  requestBody?: Size;
  /** After decompression. Default "8MiB". */
  responseBody?: Size;
  /** All header fields of one response. Default "16KiB". */
  responseHeader?: Size;
  /** Calls out of the sandbox, of any kind. Default 100000. */
  calls?: number;
}
