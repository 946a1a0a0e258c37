// A run: one execution of one job. Its states, and how each is left:
//
//   accepted   durable, promised to whoever asked   → running · refused · lost
//   running    an executor has it                    → succeeded · failed · limit · killed · lost
//   the others are final. `lost` is what recovery writes for a run that an earlier process left unfinished.
import type { RunId } from "./ids.ts";
import type { LeaseState } from "./lease.ts";
import type { Limits } from "./limits.ts";

export type RunState = "accepted" | "running" | "succeeded" | "failed" | "limit" | "refused" | "killed" | "lost";
export const finalRunStates: readonly RunState[] = ["succeeded", "failed", "limit", "refused", "killed", "lost"];

/** What started the run. */
export type Trigger =
  | { kind: "run" }
  | { kind: "submit"; key?: string }
  | { kind: "schedule"; slot: string }
  | { kind: "test" };

/** Ended by a limit: the truthful reason. */
export type LimitCode = "timeout" | "cpu" | "memory" | "output" | "logs" | "calls";

export interface Usage {
  cpuMs: number;
  wallMs: number;
  memoryBytesPeak: number;
  requests: number;
  bytesIn: number;
  bytesOut: number;
  filesWritten: number;
}

export interface Denial {
  capability: string;
  code: string;
  message: string;
  /** What was asked for, escaped and cut. */
  target: string;
  /** The grant that came nearest. */
  nearest?: string;
  /** What to write into the job's config to allow it. */
  remedy?: string;
}

/** Where a run's credential was found. */
export type LeakSink = "log" | "result" | "error" | "output" | "file name" | "request";

/** What was found is redacted, and ended the lease. The text itself is nowhere. */
export interface Leak {
  sink: LeakSink;
  /** As it stood there: raw, base64, "hex, in gzip". */
  form: string;
}

export interface Output {
  /** Path below /output. */
  path: string;
  bytes: number;
  sha256: string;
}

export type Confirmation = "confirmed" | "unconfirmed" | "none";

export interface Teardown {
  isolate: Confirmation;
  process: Confirmation;
  directory: Confirmation;
  sockets: Confirmation;
  lease: Confirmation;
}

/** One wall around the executor, armed or not. */
export interface Layer {
  name: string;
  armed: boolean;
  /** How it is armed, or what is missing. */
  detail: string;
  /** The command that would arm it. */
  hint?: string;
}

/** A place in the author's own code. */
export interface SourcePlace {
  /** From the config's directory. */
  file: string;
  /** From 1. */
  line: number;
  /** From 1. */
  column: number;
  sourceLine: string;
  /** Where in `sourceLine` the column is, from 0. */
  caret?: number;
}

/** An error within an error: a cause, one of an AggregateError's, what a SuppressedError keeps. */
export interface NestedError {
  /** From the error that was thrown: `cause`, `errors[0].cause`, `suppressed`. */
  path: string;
  message: string;
  source?: SourcePlace;
}

export interface RunError {
  code: string;
  message: string;
  /** In the author's own files and lines, those of nested errors included. */
  stack?: string;
  /** The innermost place in the author's own code. */
  source?: SourcePlace;
  /** What to do about it, where that is known: the job, or a package, asked for something that a job hasn't. */
  hint?: string;
  /** Depth first. */
  nested?: NestedError[];
}

/** What was kept of a run, so that it can be repeated. */
export interface RecordingNote {
  /** Before it is sealed, bytes. */
  bytes: number;
  /** Why it ends before the run did; null when all of it is there. */
  cut: string | null;
}

/** The run record: part of the outside contract. Times are ISO 8601, UTC. */
export interface RunRecord {
  id: RunId;
  /** What it is called towards others. Absent in records of earlier versions. */
  spiffeId?: string;
  job: string;
  trigger: Trigger;
  state: RunState;
  result: unknown;
  error: RunError | null;
  acceptedAt: string;
  startedAt: string | null;
  endedAt: string | null;
  bundle: { digest: string } | null;
  limits: Limits;
  usage: Usage;
  lease: {
    id: string;
    issuer: string;
    state: LeaseState;
    issuedAt: string | null;
    revokedAt: string | null;
    proof: string | null;
  } | null;
  denials: Denial[];
  /** Of each sink and form once. */
  leaks: Leak[];
  outputs: Output[];
  teardown: Teardown;
  layers: Layer[];
  /** Absent where the job's config asks for none. */
  recording?: RecordingNote;
}

export const noUsage: Usage = {
  cpuMs: 0,
  wallMs: 0,
  memoryBytesPeak: 0,
  requests: 0,
  bytesIn: 0,
  bytesOut: 0,
  filesWritten: 0,
};

export const nothingToTearDown: Teardown = {
  isolate: "none",
  process: "none",
  directory: "none",
  sockets: "none",
  lease: "none",
};
