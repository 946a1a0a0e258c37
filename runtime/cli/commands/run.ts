// `mayfly run <job>`: the whole life of one run in this process.
import { guardOwnProcess, openToOthers } from "../../adapters/system/own-process.ts";
import { type ExitCode, exitCodes } from "../../model/error.ts";
import { exitCodeOfRun } from "../../model/exit-code.ts";
import type { RunRecord } from "../../model/run.ts";
import { type ConfigOption, jobOf, loadConfig } from "../config.ts";
import { type InputOptions, readInput } from "../input.ts";
import { stopOnSignal } from "../interrupt.ts";
import { makeProgress, printJson, summarize, warn } from "../print.ts";
import { runHere } from "../run-here.ts";

export interface RunOptions extends ConfigOption, InputOptions {
  json?: boolean;
  quiet?: boolean;
  requireSandbox?: boolean;
}

export async function run(job: string, options: RunOptions): Promise<void> {
  const config = await loadConfig(options);
  warnOfOpenings();
  jobOf(config, job);
  const input = readInput(options);
  const stop = stopOnSignal();
  process.exitCode = exitCodes.interrupted; // unless there is a run, and its end says otherwise
  await runHere({
    config,
    job,
    input,
    osSandbox: options.requireSandbox ? "required" : "preferred",
    stop,
    onOpen(runtime) {
      guardOwnProcess(runtime, warn);
      warnOfMissingLayers(runtime.pool.layers());
    },
    onEvent: options.quiet ? () => {} : makeProgress(),
    async onEnd(record) {
      await printRecord(record, options);
      process.exitCode = exitCodeAtEnd(record, stop);
    },
  });
}

/** An end that couldn't be confirmed outweighs that it was interrupted. */
export function exitCodeAtEnd(record: RunRecord, stop: AbortSignal): ExitCode {
  const code = exitCodeOfRun(record);
  return stop.aborted && code !== exitCodes.unconfirmed ? exitCodes.interrupted : code;
}

/** Of this process's memory. */
export function warnOfOpenings(): void {
  const ways = openToOthers(process.execArgv, process.env);
  if (ways.length > 0) warn(`${ways.join(", ")}: what this process holds can leave it; \`mayfly start\` refuses that`);
}

/** stdout: the result, or the record. stderr: the summary. */
export async function printRecord(record: RunRecord, options: { json?: boolean; quiet?: boolean }): Promise<void> {
  if (!options.quiet) summarize(record);
  if (options.json) await printJson(record);
  else if (record.state === "succeeded") await printJson(record.result);
}

/** One line that names what is missing, and the command that arms it. */
export function warnOfMissingLayers(
  layers: readonly { name: string; armed: boolean; detail: string; hint?: string }[],
): void {
  const missing = layers.filter((layer) => !layer.armed);
  if (missing.length === 0) return;
  const hint = missing.map((layer) => layer.hint).find((each) => each !== undefined);
  warn(
    `sandbox incomplete: ${missing.map((layer) => layer.name).join(", ")} (${missing[0]?.detail})${hint === undefined ? "" : `; to arm: ${hint}`}`,
  );
}
