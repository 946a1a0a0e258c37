// Projects whose run leaves an output, and `mayfly keys` in them.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { type CliOptions, mayfly, type Project, recordOf } from "./cli.ts";

export const report = "quarterly figures, canary-7b1e";
/** Of `makeProject`: one that writes the report. */
export const jobs = { report: `await files.write("/output/deep/report.txt", ${JSON.stringify(report)}); return 1;` };

export interface Listed {
  provider: string;
  wrapping: { id: string; provider: string; wraps: string[] }[];
  data: { id: string; wrappedBy: string; provider: string; seals: boolean }[];
  signing: { state: string; kid: string }[];
  sealed: string[];
}

export async function keysOf(t: Test, here: Project, options?: CliOptions): Promise<Listed> {
  return JSON.parse((await mayfly(t, here, ["keys", "--json"], options)).stdout) as Listed;
}

export async function rotate(t: Test, here: Project, options?: CliOptions) {
  const ended = await mayfly(t, here, ["keys", "rotate", "--json"], options);
  t.equal(ended.code, 0, ended.stderr);
  return JSON.parse(ended.stdout) as { wrapping: string; data: string; signing: { kid: string }[] };
}

export async function reported(t: Test, here: Project, options?: CliOptions): Promise<string> {
  const record = recordOf(await mayfly(t, here, ["run", "report", "--json"], options));
  t.match(record, { state: "succeeded", outputs: [{ path: "deep/report.txt", bytes: report.length }] });
  return record.id;
}

export function outputOf(t: Test, here: Project, id: string, options?: CliOptions) {
  return mayfly(t, here, ["run-show", id, "--output", "deep/report.txt"], options);
}

/** Files of the state directory, with what lies in them. */
export function filesOf({ state }: Project): [string, Buffer][] {
  return readdirSync(state, { recursive: true, encoding: "utf8" })
    .map((name) => join(state, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => [path, readFileSync(path)]);
}
