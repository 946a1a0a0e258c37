// The wire between `mayfly submit` and `mayfly start`: HTTP/1.1 on a unix socket (0600) in the state directory.
//
//   POST /v1/runs              {job, input, key?}   → 202 {id, isNew}
//   GET  /v1/runs/<id>/events                       → 200, one RunEvent a line (NDJSON); `ended` is the last
//   POST /v1/runs/<id>/kill                         → 200 {killed}
//   POST /v1/revoke            {target, reason}      → 200, one RevokeLine a line (NDJSON); `done` is the last
//   GET  /v1/status                                 → 200 {running, waiting, pid}
//
// An error is {error: {code, message, found?, needed?, next?}} with status 400, 404, 409 or 503.
import { z } from "zod";
import { type ErrorCode, errorCodes, MayflyError } from "../model/error.ts";
import type { Lease } from "../model/lease.ts";

/** One submission, bytes: its input is the bulk of it. */
export const submissionBytesMax = 1_048_576;

export const submission = z.strictObject({
  job: z.string().max(64),
  /** JSON value. */
  input: z.unknown(),
  key: z.string().min(1).max(256).optional(),
});

/** Which leases: one, by its id or its run's, those of a job or an issuer, or all that are open. */
export const revocation = z.strictObject({
  target: z.union([
    z.strictObject({ lease: z.string().max(64) }),
    z.strictObject({ run: z.string().max(64) }),
    z.strictObject({ job: z.string().max(64) }),
    z.strictObject({ issuer: z.string().max(64) }),
    z.strictObject({ all: z.literal(true) }),
  ]),
  /** For the audit. */
  reason: z.string().min(1).max(500),
});
export type RevocationRequest = z.infer<typeof revocation>;

export type RevokeLine = { lease: Lease } | { done: true } | ErrorAnswer;

export interface SubmissionAnswer {
  id: string;
  isNew: boolean;
}

export interface StatusAnswer {
  running: number;
  waiting: number;
  pid: number;
}

export interface ErrorAnswer {
  error: { code: string; message: string; found?: string; needed?: string; next?: string };
}

export function toErrorAnswer(error: MayflyError): ErrorAnswer {
  const { code, message, found, needed, next } = error;
  return {
    error: {
      code,
      message,
      ...(found === undefined ? {} : { found }),
      ...(needed === undefined ? {} : { needed }),
      ...(next === undefined ? {} : { next }),
    },
  };
}

/** The error as the other side had it. */
export function fromErrorAnswer({ error }: ErrorAnswer): MayflyError {
  const code = Object.hasOwn(errorCodes, error.code) ? (error.code as ErrorCode) : "internal";
  return new MayflyError({ ...error, code });
}
