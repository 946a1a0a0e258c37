// A credential issuer: mints one scoped credential for one run, ends it, and proves that it is dead.
// Names at the issuer are made from the run's id alone, so that a credential whose issue was never recorded can be
// found and ended. The contract suite in testkit/issuer-contract.ts holds every issuer to these words.
import type { RunId } from "../model/ids.ts";
import type { EpochMs } from "../model/units.ts";

/** All that is needed to find a credential again, after a crash too. */
export interface LeaseRef {
  runId: RunId;
}

export interface IssueRequest {
  lease: LeaseRef;
  job: string;
  tenant: string;
  scope: readonly string[];
  purpose: string;
  /** The credential must be dead by then on its own. */
  expiresAt: EpochMs;
}

export interface IssuedCredential {
  /** The secret as the resource takes it: a token; for PostgreSQL the role's password. Never stored, never logged. */
  secret: string;
  /** Not later than asked for. */
  expiresAt: EpochMs;
}

export interface Proof {
  verdict: "dead" | "alive" | "unknowable";
  /** How it was found out, in words for the record: "introspection: inactive". */
  how: string;
}

/** Rows of one query, as JSON-ready values. */
export interface QueryResult {
  columns: string[];
  rows: unknown[][];
}

export interface QueryRequest {
  sql: string;
  params: readonly (string | number | boolean | null)[];
  write: boolean;
  rowsMax: number;
  bytesMax: number;
  timeMs: number;
}

export type IssuerFailureCode =
  | "issuer_unavailable" // could not be asked, or no answer in time: the credential may exist
  | "issuer_refused" // it said no
  | "issuer_garbage" // it answered what can't be an answer: the credential may exist
  | "scope_invalid" // the config's scope is not of this issuer's form
  | "query_failed" // the job's SQL is wrong, or not permitted
  | "query_limit"; // rows, bytes or time

export class IssuerFailure extends Error {
  override readonly name = "IssuerFailure";
  readonly code: IssuerFailureCode;
  constructor(code: IssuerFailureCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

export interface CredentialIssuer {
  readonly kind: string;
  /** Throws IssuerFailure `scope_invalid` for a scope that this issuer can't express. Asked when the config is loaded. */
  checkScope(scope: readonly string[]): void;
  /** Safe to repeat for the same lease: there is one credential, and the last secret is the valid one. */
  issue(request: IssueRequest, signal: AbortSignal): Promise<IssuedCredential>;
  /** Unknown at the issuer is success. */
  revoke(lease: LeaseRef, signal: AbortSignal): Promise<void>;
  /** `secret`, when this process still has it, is tried at the resource. */
  prove(lease: LeaseRef, secret: string | undefined, signal: AbortSignal): Promise<Proof>;
  /** What exists there under this installation's names. */
  sweep(signal: AbortSignal): Promise<LeaseRef[]>;
  /** Delivery `query` only: runs one statement with the leased credential, which never leaves this process. */
  query?(lease: LeaseRef, secret: string, request: QueryRequest, signal: AbortSignal): Promise<QueryResult>;
  /** Ends the sessions that `query` holds for this lease. */
  endSessions?(lease: LeaseRef): Promise<void>;
  close(): Promise<void>;
}
