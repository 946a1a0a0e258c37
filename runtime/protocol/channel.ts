// The wire between supervisor and executor: frames (frame.ts) on one socket pair, descriptor 3 of the executor.
//
//   down   launch   {job, input, runMs, …} (LaunchHeader)  body: the bundle     once, to a ready executor
//          compile  {}                           body: a bundle       in the place of a launch: asks for `compiled`, and runs nothing
//          reply    {id, ok, value | error}      body: bytes          answers a call; id 0 answers none: the first frame, read while warming
//          piece    {id, last?, error?}          body: bytes          more of the response to call `id`; none after `last` or `error`
//          pull     {id, seq, again}                                  asks for one http.piece of the body of call `id`; `again`: from its start
//          signal   {reason}                                          aborts the job's `signal`
//          sync     {seq}                                             asks for `idle`
//   up     ready    {v8, node}                                        isolate made, globals in place
//          compiled {}                           body: V8's code cache, empty where the bundle doesn't compile
//          call     {id, op, args}               body: bytes          see bridge.ts
//          done     {}                           body: result, JSON   the job's promise was fulfilled
//          failed   {name, message, stack, kind, nested?}             it was rejected, or the bundle didn't evaluate
//          idle     {seq}                                             all that came before `sync` is done, computations too
//
// With a clock of the host's each frame down that the guest is entered with has `nowMs`. With a seed the guest's randomness
// comes from it, and what the executor answers itself, later than at once, waits for its turn: it says `turn`, as a call with
// that answer's id, and the reply lets it through. So the guest's whole world is in what goes down, in its order.
import { z } from "zod";
import type { IsolateGrant } from "../model/grant.ts";
import { contentBytesMaxOf } from "./bridge.ts";
import { bodyBytesMax, type Frame } from "./frame.ts";

/** How the guest's clock runs. `host`: time stands still until the supervisor moves it (test kit, runs that are recorded). */
export type GuestClock = { mode: "real" } | { mode: "host"; nowMs: number };

export interface LaunchHeader {
  type: "launch";
  /** The run's id, the job's name: for the job's own eyes. */
  runId: string;
  job: string;
  /** What it is called towards others. */
  spiffeId: string;
  /** JSON text. */
  input: string;
  /** Wall time that the run has, ms: the executor ends itself soon after, should the supervisor be gone. */
  runMs: number;
  resultBytesMax: number;
  /** What of V8 the job has that is off otherwise. */
  isolate: IsolateGrant;
  clock: GuestClock;
  /** 32 bytes, hex: of a run that can be repeated. With a clock of the host's only. */
  seed?: string;
  /** So many bytes at the body's end are V8's code cache for the bundle before them. */
  codeCacheBytes?: number;
  /** Calls say where in the bundle they were made, as `at`. */
  traced?: true;
}

export interface ReplyHeader {
  type: "reply";
  id: number;
  ok: boolean;
  value?: unknown;
  error?: { code: string; message: string };
  /** With a host clock: the guest's time from now on, ms since the epoch. */
  nowMs?: number;
}

export interface PieceHeader {
  type: "piece";
  /** The call's. */
  id: number;
  last?: true;
  error?: { code: string; message: string };
  nowMs?: number;
}

export interface PullHeader {
  type: "pull";
  id: number;
  /** From 1, one more for each pull of a call. */
  seq: number;
  again: boolean;
  nowMs?: number;
}

export interface SignalHeader {
  type: "signal";
  reason: string;
  nowMs?: number;
}

export interface SyncHeader {
  type: "sync";
  seq: number;
}

/** All but `launch`. */
export type DownHeader = ReplyHeader | PieceHeader | PullHeader | SignalHeader | SyncHeader;

/** What kind of failure: the job's own error, a result that is no JSON or too large, or a module without a job. */
export type FailureKind = "threw" | "output" | "shape" | "memory" | "timeout";

export interface ErrorText {
  name: string;
  message: string;
  /** As V8 wrote it, positions in the bundle. */
  stack: string;
}

export interface JobFailure extends ErrorText {
  kind: FailureKind;
  /** Errors within it, depth first: its causes, those that an AggregateError holds, what a SuppressedError keeps. */
  nested: readonly NestedFailure[];
}

export interface NestedFailure extends ErrorText {
  /** From the error that was thrown: `cause`, `errors[0].cause`. */
  path: string;
}

/** The guest tells of 8. */
const nestedMax = 16;

const text = {
  name: z.string().max(256),
  message: z.string().max(16_384),
  stack: z.string().max(65_536),
};
const path = z.string().regex(/^[a-z]{1,20}(?:\[\d{1,6}\])?(?:\.[a-z]{1,20}(?:\[\d{1,6}\])?){0,7}$/);

const failed = z.strictObject({
  type: z.literal("failed"),
  ...text,
  kind: z.enum(["threw", "output", "shape", "memory", "timeout"]),
  nested: z
    .array(z.strictObject({ path, ...text }))
    .max(nestedMax)
    .default([]),
});

export type UpFrame =
  | { type: "ready" }
  | { type: "call"; frame: Frame }
  | { type: "done"; result: Uint8Array }
  | { type: "failed"; failure: JobFailure }
  | { type: "idle"; seq: number }
  | { type: "garbage"; reason: string };

/** For the decoder of what an executor says: what the body of such a frame has at most, bytes. */
export function upBodyBytesMax({ type, op }: Frame["header"]): number {
  if (type === "done" || type === "compiled") return bodyBytesMax;
  return type === "call" ? contentBytesMaxOf(op) : 0;
}

/** What an executor said, or `garbage`: then it is to be killed. */
export function decodeUp(frame: Frame): UpFrame {
  switch (frame.header.type) {
    case "ready":
      return { type: "ready" };
    case "call":
      return { type: "call", frame };
    case "done":
      return { type: "done", result: frame.body };
    case "failed": {
      const parsed = failed.safeParse(frame.header);
      if (!parsed.success) return { type: "garbage", reason: "a failure that is none" };
      const { type: _, ...failure } = parsed.data;
      return { type: "failed", failure };
    }
    case "idle": {
      const { seq } = frame.header;
      if (typeof seq !== "number" || !Number.isSafeInteger(seq))
        return { type: "garbage", reason: "an idleness that nobody asked for" };
      return { type: "idle", seq };
    }
    default:
      return { type: "garbage", reason: "a frame of unknown type" };
  }
}
