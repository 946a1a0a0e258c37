// How a run ends: each way of ending becomes one `Ending`, with the truthful reason and, where a limit was passed, the
// key in the config that would raise it.
import { escapeLine, MayflyError, messageOf } from "../../model/error.ts";
import type { JobSpec } from "../../model/job.ts";
import type { Leak, LimitCode, RunError, RunState } from "../../model/run.ts";
import { formatDuration, formatSize } from "../../model/units.ts";
import type { Bundle } from "../../ports/bundler.ts";
import type { ExecutorExit } from "../../ports/executor-process.ts";
import type { JobFailure } from "../../protocol/channel.ts";
import { nestsDeeper } from "../../protocol/depth.ts";
import { makeStackMapper } from "../bundle/stack.ts";

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
  const message = escapeLine(failure.name === "Error" ? failure.message : `${failure.name}: ${failure.message}`, 2_000);
  if (failure.kind === "shape") return { state: "failed", result: null, error: { code: "job_shape", message } };
  const { stack, first } = makeStackMapper(bundle.sourceMap, { scriptName: "job.js" })(failure.stack);
  return {
    state: "failed",
    result: null,
    error: { code: "job_threw", message, stack, ...(first === undefined ? {} : { source: first }) },
  };
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
