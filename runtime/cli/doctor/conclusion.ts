// What follows from all verdicts together: one line for people, and an exit code. A broken defence outweighs a missing
// layer; a missing layer is fatal only where the sandbox is required.
import { type ExitCode, exitCodes } from "../../model/error.ts";
import type { Row } from "./attack.ts";

export interface Conclusion {
  verdict: "held" | "not armed" | "broken";
  broken: readonly Row[];
  missing: readonly Row[];
  /** `27 defences tried, all held` */
  line: string;
  exitCode: ExitCode;
}

export function conclude(rows: readonly Row[], osSandbox: "required" | "preferred"): Conclusion {
  const broken = rows.filter(({ verdict }) => verdict === "BROKEN");
  const missing = rows.filter(({ verdict }) => verdict === "not armed");
  const verdict = broken.length > 0 ? "broken" : missing.length > 0 ? "not armed" : "held";
  const isFatal = missing.length > 0 && osSandbox === "required";
  return {
    verdict,
    broken,
    missing,
    line: lineOf(rows.length, broken, missing),
    exitCode: broken.length > 0 ? exitCodes.runtime : isFatal ? exitCodes.usage : exitCodes.succeeded,
  };
}

function lineOf(count: number, broken: readonly Row[], missing: readonly Row[]): string {
  const tried = `${count} defences tried`;
  if (broken.length + missing.length === 0) return `${tried}, all held`;
  const parts = [`${count - broken.length - missing.length} held`];
  if (missing.length > 0) parts.push(`${missing.length} not armed (${namesOf(missing)})`);
  if (broken.length > 0) parts.push(`${broken.length} BROKEN (${namesOf(broken)})`);
  return `${tried}, ${parts.join(", ")}`;
}

export function namesOf(rows: readonly Row[]): string {
  return rows.map(({ group, name }) => `${group}: ${name}`).join("; ");
}
