// What the author of a job meets: `defineJob` and the types of its context. Types and one function, no imports, so that
// the guest (ring 1) is built against the same words. What each member does is in runtime/guest; what it may do is
// decided by the gate (core/capabilities), never here.

/** What JSON can say: a run's input and its result. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

// The web's own types where the author's compiler knows them (lib "dom" or @types/node), else the members that every
// guest has. The guest itself is compiled without either.
type AmbientFetch = typeof globalThis extends { fetch: infer Fetch } ? Fetch : MinimalFetch;
type AmbientSignal = typeof globalThis extends { AbortSignal: { prototype: infer Signal } } ? Signal : MinimalSignal;

export interface MinimalSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

export interface MinimalResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly statusText: string;
  readonly url: string;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
  json(): Promise<unknown>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

export type MinimalFetch = (
  url: string,
  init?: {
    method?: string;
    headers?: Record<string, string>;
    body?: string | Uint8Array;
    redirect?: "follow" | "manual" | "error";
    signal?: MinimalSignal;
  },
) => Promise<MinimalResponse>;

/**
 * What every refused or failed operation of the context rejects with. `code` is stable: a denial's (the config doesn't
 * grant it, or a quota is used up) or a failure's (granted and tried, such as `not_found`). `message` says what would
 * have been needed; it names no host path.
 */
export interface MayflyGuestError extends Error {
  readonly code: string;
}

export interface QueryRows {
  columns: string[];
  /** One array a row, in the order of `columns`; values as JSON has them (dates and large integers are text). */
  rows: unknown[][];
}

export interface JobCredential {
  /**
   * The credential of this run, issued at the first call. Delivery `sealed`: a placeholder, which becomes the secret in
   * the one place and at the hosts that the config names. Delivery `revealed`: the secret itself.
   * @throws MayflyGuestError when the job has no credential, or the issuer can't be asked.
   */
  fetch(): Promise<string>;
  /**
   * Delivery `query`: runs one SQL statement with the leased credential, outside of the sandbox.
   * @throws MayflyGuestError for SQL that is wrong or not permitted, and for too many rows, bytes or too long a time.
   */
  query(sql: string, params?: readonly (string | number | boolean | null)[]): Promise<QueryRows>;
  /**
   * Delivery `command`: one command to the server (Redis), name first; the reply as JSON has it.
   * @throws MayflyGuestError for a command that is wrong or not permitted, and for too large or too slow a reply.
   */
  command(...args: readonly (string | number)[]): Promise<Json>;
  /**
   * Delivery `exec`: runs the one program that the config names on the host of the credential (SSH), with `input` as its
   * standard input. An exit code other than 0 is an answer, not an error.
   * @throws MayflyGuestError when it can't be run, and for too much output or too long a time.
   */
  exec(input?: string | Uint8Array): Promise<ExecOutput>;
}

export interface ExecOutput {
  exitCode: number;
  stdout: Uint8Array<ArrayBuffer>;
  stderr: Uint8Array<ArrayBuffer>;
}

export interface JobIdentity {
  /** What this run is called: `spiffe://…`. */
  readonly spiffeId: string;
  /**
   * A short-lived token that says so to one audience, which verifies it by discovery and JWKS.
   * @throws MayflyGuestError for an audience that the config doesn't name.
   */
  token(audience: string): Promise<string>;
}

/** The run's private tree, empty at the start and removed at the end, and the read-only mounts. Paths are absolute. */
export interface JobFiles {
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** UTF-8; other bytes are an error. */
  readText(path: string): Promise<string>;
  /** Makes or replaces a file. What lies in `/output` when the run succeeds is kept. Missing parents are made. */
  write(path: string, content: string | Uint8Array): Promise<void>;
  append(path: string, content: string | Uint8Array): Promise<void>;
  list(path: string): Promise<{ name: string; kind: "file" | "directory" | "other" }[]>;
  /** null when nothing is there. `modifiedAtMs` counts from 1970-01-01T00:00:00Z. */
  stat(path: string): Promise<{ kind: "file" | "directory"; bytes: number; modifiedAtMs: number } | null>;
  mkdir(path: string): Promise<void>;
  /** A file or an empty directory. */
  remove(path: string): Promise<void>;
}

export interface JobLog {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** All that a job has. Anything that is not in here, and not computed, the config must grant and this must carry. */
export interface JobContext<Input = Json> {
  /** What the run was started with; `null` for a scheduled run. Not validated: check it before you trust its type. */
  readonly input: Input;
  readonly credential: JobCredential;
  readonly identity: JobIdentity;
  readonly files: JobFiles;
  /** The web's `fetch`, to where `network.allow` permits. */
  readonly fetch: AmbientFetch;
  readonly log: JobLog;
  /** Aborted shortly before the run is ended from outside. */
  readonly signal: AmbientSignal;
  readonly run: { readonly id: string; readonly job: string };
}

export interface Job<Input = Json, Result = unknown> {
  readonly kind: "mayfly.job";
  readonly run: (context: JobContext<Input>) => Result | Promise<Result>;
}

/**
 * Words for what of a type JSON can't carry, `never` where all of it can be; as guest/result.ts has it, which looks at the
 * values. Only so many levels are looked at, since a type may refer to itself.
 */
type NotJson<T, Levels extends 1[] = [1, 1, 1, 1, 1]> = Levels extends [1, ...infer Below extends 1[]]
  ? unknown extends T
    ? never
    : // biome-ignore lint/suspicious/noConfusingVoidType: a job that returns nothing has it as its result
      T extends Json | undefined | void | Date
      ? never
      : T extends bigint
        ? "a bigint"
        : T extends symbol
          ? "a symbol"
          : T extends (...args: never[]) => unknown
            ? "a function"
            : T extends ReadonlyMap<unknown, unknown>
              ? "a Map"
              : T extends ReadonlySet<unknown>
                ? "a Set"
                : T extends ArrayBuffer | ArrayBufferView
                  ? "bytes"
                  : T extends PromiseLike<unknown>
                    ? "a promise within it"
                    : T extends readonly (infer Item)[]
                      ? NotJson<Item, Below>
                      : { [Key in keyof T]-?: Key extends string ? NotJson<T[Key], Below> : never }[keyof T]
  : never;

type JsonOnly<Result> = unknown extends Result
  ? unknown
  : [NotJson<Result>] extends [never]
    ? unknown
    : `a job's result is JSON, which can't carry ${NotJson<Result>}`;

/**
 * Declares a job; a job's module exports the outcome as its default. The result must be JSON.
 * In a bundle, esbuild-bundler.ts puts the same function in the place of this one.
 * @typeParam Input what the run is started with, taken at its word: `defineJob<{ since: string }>(…)`.
 */
export function defineJob<Input = Json, Result = unknown>(
  run: ((context: JobContext<Input>) => Result | Promise<Result>) & JsonOnly<Result>,
): Job<Input, Result> {
  return Object.freeze({ kind: "mayfly.job", run });
}
