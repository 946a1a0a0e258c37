// How a finished run becomes a process exit code: part of the outside contract.
import { type ErrorCode, type ExitCode, errorCodes, exitCodes } from "./error.ts";
import type { RunRecord } from "./run.ts";

/** What could not be confirmed outweighs how the run ended: something of it may live on. */
export function exitCodeOfRun({ state, error, teardown }: RunRecord): ExitCode {
  if (Object.values(teardown).includes("unconfirmed")) return exitCodes.unconfirmed;
  switch (state) {
    case "succeeded":
      return exitCodes.succeeded;
    case "limit":
      return exitCodes.limit;
    case "refused":
      return exitCodes.refused;
    case "killed":
      return exitCodes.interrupted;
    case "failed":
      return exitCodeOfError(error?.code);
    default:
      return exitCodes.runtime;
  }
}

function exitCodeOfError(code: string | undefined): ExitCode {
  const fault = code !== undefined && Object.hasOwn(errorCodes, code) ? errorCodes[code as ErrorCode] : "job";
  return fault === "runtime" ? exitCodes.runtime : fault === "operator" ? exitCodes.usage : exitCodes.failed;
}
