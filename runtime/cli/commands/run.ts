// `mayfly run <job>`: the whole life of a run in this process. Recovery of what an earlier one left comes first.
import { guardOwnProcess, openToOthers } from "../../adapters/system/own-process.ts";
import { openRuntime } from "../../compose.ts";
import { exitCodes } from "../../model/error.ts";
import { exitCodeOfRun } from "../../model/exit-code.ts";
import type { RunRecord } from "../../model/run.ts";
import { type ConfigOption, jobOf, loadConfig } from "../config.ts";
import { type InputOptions, readInput } from "../input.ts";
import { makeProgress, printJson, summarize, warn } from "../print.ts";

export interface RunOptions extends ConfigOption, InputOptions {
  json?: boolean;
  quiet?: boolean;
  requireSandbox?: boolean;
}

export async function run(job: string, options: RunOptions): Promise<void> {
  const config = await loadConfig(options);
  const ways = openToOthers(process.execArgv, process.env);
  if (ways.length > 0) warn(`${ways.join(", ")}: what this process holds can leave it; \`mayfly start\` refuses that`);
  const { grants } = jobOf(config, job);
  const input = readInput(options);
  const progress = options.quiet ? () => {} : makeProgress();
  const runtime = await openRuntime({
    config,
    role: "run",
    jobs: [job],
    osSandbox: options.requireSandbox ? "required" : "preferred",
    onEvent: progress,
    onWarning: warn,
  });
  guardOwnProcess(runtime, warn);
  const interrupted = killOnSignal((reason) => runtime.scheduler.killAll(reason));
  try {
    warnOfMissingLayers(runtime.pool.layers());
    // Before anything is accepted: a missing root credential or a taken port is the operator's to mend.
    if (grants.credential !== null) await runtime.issuer(grants.credential.issuer);
    await runtime.reaper.recover();
    const { id, done } = await runtime.scheduler.submit({ job, input, trigger: { kind: "run" } });
    if (interrupted()) runtime.scheduler.kill(id, "interrupted before it was launched");
    // Fenced off, the run is killed; its record is then another process's to write.
    const record = await done.catch(async (error: unknown) => {
      runtime.store.fence();
      throw error;
    });
    await printRecord(record, options);
    const code = exitCodeOfRun(record);
    process.exitCode = interrupted() && code !== exitCodes.unconfirmed ? exitCodes.interrupted : code;
  } finally {
    await runtime.close();
  }
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

/** First signal: the run is torn down. Second: this process ends at once, and the next start recovers. */
function killOnSignal(kill: (reason: string) => void): () => boolean {
  let count = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      count += 1;
      if (count > 1) process.exit(exitCodes.interrupted);
      kill(`interrupted by ${signal}`);
    });
  }
  return () => count > 0;
}
