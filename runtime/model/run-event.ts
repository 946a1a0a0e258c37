// The steps of a run's life as they happen: what `mayfly run` prints and what a submission follows.
import type { Denial, RunRecord } from "./run.ts";

export type RunEvent =
  | { type: "accepted"; runId: string; job: string }
  | { type: "launched"; runId: string; pid: number }
  | { type: "log"; runId: string; level: string; text: string; at: string }
  | { type: "lease"; runId: string; issuer: string; state: string; detail: string }
  | { type: "denied"; runId: string; denial: Denial }
  /** For the operator: what he should look at, though the run goes on. */
  | { type: "alert"; runId: string; code: string; message: string }
  | { type: "result"; runId: string; state: string }
  | { type: "teardown"; runId: string; step: string; confirmation: string }
  | { type: "ended"; runId: string; record: RunRecord };
