// `mayfly runs` and `mayfly run-show`: read the ledger, whether a `start` is up or not.
import { openLedger } from "../../compose.ts";
import { MayflyError, quote } from "../../model/error.ts";
import { isRunId } from "../../model/ids.ts";
import type { Denial, Output, RunRecord } from "../../model/run.ts";
import { type ConfigOption, loadConfig } from "../config.ts";
import { printBytes, printJson, printResult, recordingText, table } from "../print.ts";
import { errorLines } from "../run-error.ts";

export async function runs(options: ConfigOption & { limit: string; json?: boolean }): Promise<void> {
  const { store } = openLedger(await loadConfig(options));
  try {
    const records = store.runs(countOf(options.limit)).map((row) => row.record);
    if (options.json) await printJson(records);
    else await printResult(table([["ID", "JOB", "STATE", "ACCEPTED", "LEASE", "ERROR"], ...records.map(line)]));
  } finally {
    await store.close();
  }
}

function line({ id, job, state, acceptedAt, lease, error }: RunRecord): string[] {
  return [id, job, state, acceptedAt, lease?.state ?? "-", error?.code ?? ""];
}

/** @throws MayflyError `usage`. */
export function countOf(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0 && count <= 10_000) return count;
  throw new MayflyError({ code: "usage", message: "--limit is no count", found: quote(text), needed: "1 to 10000" });
}

export interface ShowOptions extends ConfigOption {
  json?: boolean;
  /** Path of one output, as the record has it. */
  output?: string;
  /** A directory that doesn't exist yet. */
  save?: string;
}

export async function runShow(id: string, options: ShowOptions): Promise<void> {
  const ledger = openLedger(await loadConfig(options));
  const { store, archive } = ledger;
  try {
    const record = isRunId(id) ? store.run(id)?.record : undefined;
    if (record === undefined)
      throw new MayflyError({
        code: "run_unknown",
        message: `there is no run ${quote(id)}`,
        next: "mayfly runs lists them",
      });
    if (options.output !== undefined) await printBytes(archive.readOutput(id, outputOf(record, options.output)));
    else if (options.save !== undefined) await archive.saveOutputs(id, record.outputs, options.save);
    else if (options.json) await printJson(record);
    else await printResult(describe(record, await archive.logLines(id)));
  } finally {
    await ledger.close();
  }
}

function outputOf({ outputs }: RunRecord, path: string): Output {
  const output = outputs.find((each) => each.path === path);
  if (output !== undefined) return output;
  throw new MayflyError({
    code: "usage",
    message: "the run has no such output",
    found: quote(path),
    needed:
      outputs.length === 0 ? "a run with outputs" : `one of: ${outputs.map((each) => quote(each.path)).join(", ")}`,
  });
}

function describe(record: RunRecord, logs: { at: string; level: string; text: string }[]): string {
  const { usage, limits } = record;
  const rows = [
    ["id", record.id],
    ["identity", record.spiffeId ?? "-"],
    ["job", record.job],
    ["trigger", JSON.stringify(record.trigger)],
    ["state", record.state],
    ["accepted", record.acceptedAt],
    ["started", record.startedAt ?? "-"],
    ["ended", record.endedAt ?? "-"],
    ["bundle", record.bundle?.digest ?? "-"],
    ["result", JSON.stringify(record.result)?.slice(0, 200) ?? "-"],
    [
      "usage",
      `${usage.wallMs} ms wall, ${usage.cpuMs} of ${limits.cpuMs} ms CPU, ${usage.requests} requests, ${usage.filesWritten} files`,
    ],
    [
      "teardown",
      Object.entries(record.teardown)
        .map(([name, confirmation]) => `${name} ${confirmation}`)
        .join(", "),
    ],
  ];
  const told = record.error === null ? [] : errorLines(record.error);
  rows.push(...told.map((line, index) => [index === 0 ? "error" : "", line]));
  if (record.error?.stack !== undefined) rows.push(["", record.error.stack.replaceAll("\n", "\n            ")]);
  if (record.lease !== null)
    rows.push([
      "lease",
      `${record.lease.issuer}: ${record.lease.state}${record.lease.proof === null ? "" : ` (${record.lease.proof})`}`,
    ]);
  if (record.recording !== undefined)
    rows.push(["recording", recordingText(record.recording)], ["", `mayfly replay ${record.id}`]);
  rows.push(...record.denials.flatMap(denialRows));
  for (const { sink, form } of record.leaks ?? []) rows.push(["leak", `the credential was in its ${sink} (${form})`]);
  for (const output of record.outputs)
    rows.push(["output", `${output.path}, ${output.bytes} bytes, sha256 ${output.sha256}`]);
  if (record.outputs.length > 0) rows.push(["", `mayfly run-show ${record.id} --save <directory>`]);
  const missing = record.layers.filter((layer) => !layer.armed).map((layer) => layer.name);
  rows.push(["layers", missing.length === 0 ? `${record.layers.length} armed` : `missing: ${missing.join(", ")}`]);
  for (const { at, level, text } of logs) rows.push(["log", `${at} ${level} ${text}`]);
  return table(rows);
}

/** What was asked and why it was refused, the grant that came nearest, and what would allow it. */
function denialRows({ capability, target, message, code, nearest, remedy }: Denial): string[][] {
  const rows = [["denied", `${capability} ${target}: ${message} [${code}]`]];
  if (nearest !== undefined) rows.push(["  nearest", nearest]);
  if (remedy !== undefined) rows.push(["  to allow", remedy]);
  return rows;
}
