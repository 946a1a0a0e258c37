// The wire between `mayfly submit` and `mayfly start`: HTTP/1.1 on a unix socket (0600) in the state directory.
//
//   POST /v1/runs              {job, input, key?}   → 202 {id, isNew}
//   GET  /v1/runs/<id>/events                       → 200, one RunEvent a line (NDJSON); `ended` is the last
//   POST /v1/runs/<id>/kill                         → 200 {killed}
//   GET  /v1/status                                 → 200 {running, waiting, pid}
//
// An error is {error: {code, message, found?, needed?, next?}} with status 400, 404, 409 or 503.
import { z } from "zod";
import { type ErrorCode, errorCodes, MayflyError } from "../model/error.ts";

/** One submission, bytes: its input is the bulk of it. */
export const submissionBytesMax = 1_048_576;

export const submission = z.strictObject({
  job: z.string().max(64),
  /** JSON value. */
  input: z.unknown(),
  key: z.string().min(1).max(256).optional(),
});

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
