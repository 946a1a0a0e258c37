// `mayfly submit <job>`: hands a run to the running `mayfly start`, and with --wait follows it to its end.

import { makeControlClient } from "../../adapters/system/control-client.ts";
import { openStateDirectory } from "../../adapters/system/state-directory.ts";
import { MayflyError } from "../../model/error.ts";
import { exitCodeOfRun } from "../../model/exit-code.ts";
import { type ConfigOption, jobOf, loadConfig } from "../config.ts";
import { type InputOptions, readInput } from "../input.ts";
import { makeProgress, printJson, printResult, say } from "../print.ts";
import { printRecord } from "./run.ts";

export interface SubmitOptions extends ConfigOption, InputOptions {
  key?: string;
  wait?: boolean;
  json?: boolean;
  quiet?: boolean;
}

export async function submit(job: string, options: SubmitOptions): Promise<void> {
  const config = await loadConfig(options);
  jobOf(config, job);
  const input: unknown = JSON.parse(readInput(options));
  const state = openStateDirectory(config.stateDirectory);
  const client = makeControlClient(state.socket);
  const { id, isNew } = await client.submit({ job, input, ...(options.key === undefined ? {} : { key: options.key }) });
  if (!options.quiet) say(isNew ? `accepted  ${job} as ${id}` : `known     run ${id} has this key already`);
  if (!options.wait) {
    await (options.json ? printJson({ id, isNew }) : printResult(id));
    return;
  }
  process.once("SIGINT", () => void client.kill(id).catch(() => undefined));
  const progress = options.quiet ? () => {} : makeProgress();
  for await (const event of client.events(id)) {
    if (event.type !== "ended") {
      progress(event);
      continue;
    }
    await printRecord(event.record, options);
    process.exitCode = exitCodeOfRun(event.record);
    return;
  }
  throw new MayflyError({
    code: "start_absent",
    message: "`mayfly start` went away before the run had ended",
    found: `run ${id} was accepted and is not lost`,
    next: `start it again, then: mayfly run-show ${id}`,
  });
}
