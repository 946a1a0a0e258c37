// A credential issuer: mints one scoped credential for one run, ends it, and proves that it is dead.
// Names at the issuer are made from the run's id alone, so that a credential whose issue was never recorded can be
// found and ended. The contract suite in testkit/issuer-contract.ts holds every issuer to these words.
import type { ClientKey } from "../model/checked.ts";
import type { RunId } from "../model/ids.ts";
import type { EpochMs } from "../model/units.ts";

/** All that is needed to find a credential again, after a crash too. */
export interface LeaseRef {
  runId: RunId;
  /** The last one that was noted while it was issued. Absent in what a sweep found: what can be known is the run. */
  handle?: string;
}

/**
 * For issuers whose credentials can't be found by a name: notes what will be needed to end one. Durable when resolved,
 * and kept encrypted. Noted before the issuer is asked for what it stands for; a second one replaces the first.
 */
export type NoteHandle = (handle: string) => Promise<void>;

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
  /** Each text that gives it away by itself, where that isn't `secret` as a whole: a key's body, a password in a URL. */
  parts?: readonly string[];
  /** Sealed delivery of what is no text in a request. */
  egress?: EgressKey;
  /** Not later than asked for. */
  expiresAt: EpochMs;
}

/** Keys that egress uses and the guest never holds. */
export type EgressKey =
  /** The issuer says when it has ended: no later than its revocation begins. */
  | ({ kind: "client-certificate" } & ClientKey)
  | { kind: "aws"; accessKeyId: string; secretAccessKey: string; sessionToken: string };

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

/** One command of a line protocol, such as Redis's: its name and arguments, never joined to a line. */
export interface CommandRequest {
  args: readonly string[];
  bytesMax: number;
  timeMs: number;
}

/** The reply as JSON has it. */
export interface CommandResult {
  value: unknown;
}

export interface ExecRequest {
  /** Standard input. */
  input: Uint8Array;
  /** Of both outputs together. */
  bytesMax: number;
  timeMs: number;
}

export interface ExecResult {
  exitCode: number;
  stdout: Uint8Array;
  stderr: Uint8Array;
}

export type IssuerFailureCode =
  | "issuer_unavailable" // could not be asked, or no answer in time: the credential may exist
  | "issuer_refused" // it said no
  | "issuer_garbage" // it answered what can't be an answer: the credential may exist
  | "scope_invalid" // the config's scope is not of this issuer's form
  | "query_failed" // the job's SQL is wrong, or not permitted
  | "query_limit" // rows, bytes or time
  | "operation_failed" // the job's command is wrong, or not permitted
  | "operation_limit"; // bytes or time

export class IssuerFailure extends Error {
  override readonly name = "IssuerFailure";
  readonly code: IssuerFailureCode;
  /** How long it asked to be left alone (Retry-After), ms; not bounded. */
  readonly retryAfterMs: number | undefined;
  constructor(code: IssuerFailureCode, message: string, cause?: unknown, retryAfterMs?: number) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface CredentialIssuer {
  readonly kind: string;
  /** Throws IssuerFailure `scope_invalid` for a scope that this issuer can't express. Asked when the config is loaded. */
  checkScope(scope: readonly string[]): void;
  /** Safe to repeat for the same lease: there is one credential, and the last secret is the valid one. */
  /** @param note the broker always gives it; an issuer whose credentials have no names refuses without. */
  issue(request: IssueRequest, signal: AbortSignal, note?: NoteHandle): Promise<IssuedCredential>;
  /** Unknown at the issuer is success. */
  revoke(lease: LeaseRef, signal: AbortSignal): Promise<void>;
  /** `secret`, when this process still has it, is tried at the resource. */
  prove(lease: LeaseRef, secret: string | undefined, signal: AbortSignal): Promise<Proof>;
  /** What exists there under this installation's names. */
  sweep(signal: AbortSignal): Promise<LeaseRef[]>;
  /** Delivery `query` only: runs one statement with the leased credential, which never leaves this process. */
  query?(lease: LeaseRef, secret: string, request: QueryRequest, signal: AbortSignal): Promise<QueryResult>;
  /** Delivery `command` only. */
  command?(lease: LeaseRef, secret: string, request: CommandRequest, signal: AbortSignal): Promise<CommandResult>;
  /** Delivery `exec` only. */
  exec?(lease: LeaseRef, secret: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult>;
  /** Ends the sessions that operations hold for this lease. */
  endSessions?(lease: LeaseRef): Promise<void>;
  close(): Promise<void>;
}
