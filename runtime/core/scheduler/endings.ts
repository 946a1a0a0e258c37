// How a run ends: each way of ending becomes one `Ending`, with the truthful reason and, where a limit was passed, the
// key in the config that would raise it.
import { escapeLine, MayflyError, messageOf } from "../../model/error.ts";
import type { JobSpec } from "../../model/job.ts";
import type { Leak, LimitCode, NestedError, RunError, RunState, SourcePlace } from "../../model/run.ts";
import { formatDuration, formatSize } from "../../model/units.ts";
import type { Bundle } from "../../ports/bundler.ts";
import type { ExecutorExit } from "../../ports/executor-process.ts";
import type { ErrorText, JobFailure } from "../../protocol/channel.ts";
import { nestsDeeper } from "../../protocol/depth.ts";
import { makeStackMapper, type StackMapper } from "../bundle/stack.ts";
import { hintFor } from "./hints.ts";

/** Levels of a result: the guest allows 64 (guest/result.ts). */
const resultDepthMax = 80;
const tooDeep = `the executor's result nests deeper than ${resultDepthMax}`;

/** By isolated-vm, and by V8 where RLIMIT_DATA leaves no more. */
const refusedBuffer = /^(?:Array buffer allocation failed|ArrayBuffer\.prototype\.resize: Out of memory)$/;

/** Of a job, what its endings depend on. */
export type EndingSpec = Pick<JobSpec, "name" | "limits">;

/** How a run ended, before anything was taken away. */
export interface Ending {
  state: Extract<RunState, "succeeded" | "failed" | "limit" | "killed">;
  result: unknown;
  error: RunError | null;
}

export function resultEnding(bytes: Uint8Array, spec: EndingSpec): Ending {
  if (bytes.length > spec.limits.resultBytes) return limitEnding("output", spec);
  // The guest refuses such a result itself: this one comes from an executor that is not what it was.
  if (nestsDeeper(bytes, resultDepthMax))
    return { state: "failed", result: null, error: { code: "crash", message: tooDeep } };
  try {
    return {
      state: "succeeded",
      result: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)),
      error: null,
    };
  } catch {
    return { state: "failed", result: null, error: { code: "crash", message: "the executor's result is no JSON" } };
  }
}

export function failureEnding(
  failure: JobFailure,
  { spec, bundle }: { spec: EndingSpec; bundle: Pick<Bundle, "sourceMap"> },
): Ending {
  if (failure.kind === "output" || failure.kind === "memory" || failure.kind === "timeout")
    return limitEnding(failure.kind, spec);
  // Buffers beyond the limit are refused by these errors, which a job may catch; uncaught they are the limit's doing.
  if (failure.name === "RangeError" && refusedBuffer.test(failure.message)) return limitEnding("memory", spec);
  if (failure.kind === "shape")
    return { state: "failed", result: null, error: { code: "job_shape", message: messageIn(failure) } };
  return { state: "failed", result: null, error: thrownError(failure, spec.name, bundle) };
}

function thrownError(failure: JobFailure, job: string, { sourceMap }: Pick<Bundle, "sourceMap">): RunError {
  const map = makeStackMapper(sourceMap, { scriptName: "job.js" });
  const own = readError(failure, map);
  const nested = failure.nested.map((each) => ({ path: each.path, ...readError(each, map) }));
  const stack = [own.stack, ...nested.map((each) => `${labelOf(each.path)}: ${each.stack || each.message}`)].join("\n");
  const hint = [own, ...nested].map((each) => hintFor(each, job)).find((each) => each !== undefined);
  return {
    code: "job_threw",
    message: own.message,
    stack,
    ...(own.source === undefined ? {} : { source: own.source }),
    ...(hint === undefined ? {} : { hint }),
    ...(nested.length === 0 ? {} : { nested: nested.map(toNested) }),
  };
}

/** A thrown error, in the author's lines. */
interface ReadError {
  name: string;
  message: string;
  stack: string;
  source?: SourcePlace;
  /** Of the innermost frame, a package's perhaps. */
  innermostFile?: string;
}

function readError(text: ErrorText, map: StackMapper): ReadError {
  const { stack, first, innermostFile } = map(text.stack);
  return {
    name: text.name,
    message: messageIn(text),
    stack,
    ...(first === undefined ? {} : { source: first }),
    ...(innermostFile === undefined ? {} : { innermostFile }),
  };
}

function messageIn({ name, message }: ErrorText): string {
  return escapeLine(name === "Error" ? message : `${name}: ${message}`, 2_000);
}

/** `path` in the words of a stack; it is one of ours (protocol/channel.ts). */
function labelOf(path: string): string {
  return /^cause(?:\.cause)*$/.test(path) ? "Caused by" : path;
}

function toNested({ path, message, source }: ReadError & { path: string }): NestedError {
  return { path, message, ...(source === undefined ? {} : { source }) };
}

export function exitEnding(exit: ExecutorExit, spec: EndingSpec): Ending {
  if (exit.outOfMemory) return limitEnding("memory", spec);
  if (exit.signal === "SIGXCPU") return limitEnding("cpu", spec);
  const how = exit.signal ?? `exit code ${exit.code}`;
  return { state: "failed", result: null, error: { code: "crash", message: `the executor died: ${how}` } };
}

export function limitEnding(limit: LimitCode, { limits, name }: EndingSpec): Ending {
  const [what, key] = {
    timeout: [`wall time of ${formatDuration(limits.wallMs)}`, "wall"],
    cpu: [`CPU time of ${formatDuration(limits.cpuMs)}`, "cpu"],
    memory: [`memory of ${formatSize(limits.memoryBytes)}`, "memory"],
    output: [`result of ${formatSize(limits.resultBytes)}`, "result"],
    logs: [`log of ${formatSize(limits.logBytes)}, many times over`, "logs"],
    calls: [`${limits.calls} calls`, "calls"],
  }[limit];
  const message = `the run passed its limit: ${what}; if that is too little, raise jobs.${name}.limits.${key}`;
  return { state: "limit", result: null, error: { code: limit, message } };
}

/** The grant says `onLeak: "end"`. Its exit code is that of a job that failed: what leaked is in the job's hands. */
export function leakEnding({ sink, form }: Leak): Ending {
  const message = `the job gave its credential away: found in its ${sink} (${form}); it is redacted there, and its lease was ended`;
  return { state: "failed", result: null, error: { code: "leak", message } };
}

export function errorOf(error: unknown): { code: string; message: string } {
  if (error instanceof MayflyError) return { code: error.code, message: error.describe() };
  return { code: "internal", message: messageOf(error) };
}
