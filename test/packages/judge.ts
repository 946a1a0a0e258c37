// Whether a case went as it should: a working one to its result, without a denial and with a server that had nothing to say;
// a refused one to the error that is expected, and to no other.
import { isDeepStrictEqual } from "node:util";
import type { RunRecord } from "../../runtime/model/run.ts";
import type { Case, Refused, Working } from "./case.ts";

export interface Found {
  /** Why there is no bundle, as the author reads it; undefined when there is one. */
  bundleError: string | undefined;
  /** undefined without a bundle. */
  record: Pick<RunRecord, "state" | "result" | "error" | "denials" | "teardown"> | undefined;
  /** What the server found wrong, and how much it answered; null where there is none. */
  server: { problems: readonly string[]; served: number } | null;
}

/** What went wrong, in one line; undefined when nothing did. */
export function faultOf(expected: Case, found: Found): string | undefined {
  return "yields" in expected ? faultOfWorking(expected, found) : faultOfRefused(expected, found);
}

function faultOfWorking({ yields }: Working, { bundleError, record, server }: Found): string | undefined {
  if (bundleError !== undefined) return `it can't be bundled: ${bundleError}`;
  if (server !== null && server.problems.length > 0) return `the server found: ${server.problems.join("; ")}`;
  if (record === undefined) return "there was no run";
  const { state, result, error, denials } = record;
  if (state !== "succeeded") return `the run ended as ${state}: ${error?.code}: ${error?.message}${whereOf(error)}`;
  if (!isDeepStrictEqual(result, yields)) return `it gave ${JSON.stringify(result)}, and not ${JSON.stringify(yields)}`;
  if (denials.length > 0) return `it was denied: ${denials.map(({ message }) => message).join("; ")}`;
  if (server !== null && server.served === 0) return "it asked the server nothing";
  const open = Object.entries(record.teardown).filter(([, end]) => end === "unconfirmed");
  return open.length === 0 ? undefined : `its end is not confirmed: ${open.map(([name]) => name).join(", ")}`;
}

function whereOf(error: RunRecord["error"]): string {
  return error?.source === undefined ? "" : ` (${error.source.file}:${error.source.line})`;
}

function faultOfRefused({ refused: { at, message } }: Refused, { bundleError, record }: Found): string | undefined {
  const bundled = bundleError === undefined;
  const said = bundled ? record?.error?.message : bundleError;
  if (bundled && record?.state === "succeeded")
    return `it was to be refused, and gave ${JSON.stringify(record.result)}`;
  if (bundled !== (at === "run")) return `it was to be refused at ${at === "run" ? "its run" : "bundling"}: ${said}`;
  if (bundled && record?.error?.code !== "job_threw")
    return `it ended as ${record?.state}: ${record?.error?.code}: ${said}`;
  return message.test(said ?? "") ? undefined : `it was refused for another reason than ${message}: ${said}`;
}

/** The line that names the reason, for the table. */
export function reasonOf({ refused: { message } }: Refused, { bundleError, record }: Found): string {
  const lines = (bundleError ?? record?.error?.message ?? "").split(/\n|\\u\{a\}/);
  return (lines.find((line) => message.test(line)) ?? lines[0] ?? "").replace(
    /^\s*(?:next|found): +| \[bundle_failed\]$/g,
    "",
  );
}
