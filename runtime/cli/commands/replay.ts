// `mayfly replay <run>`: the recorded bundle, or an edited one, against what the run was given then. Shows whether it came to
// the same, and if not, where the two part.
import { resolve } from "node:path";
import colors from "picocolors";
import {
  exportRecording,
  type OpenedRecording,
  openRecording,
  openReplayer,
  type Replayer,
} from "../../compose/replay.ts";
import { openLedger } from "../../compose.ts";
import type { Config } from "../../config.ts";
import type { Difference } from "../../core/recording/differences.ts";
import type { ShownCall } from "../../core/recording/divergence.ts";
import type { ReplayReport } from "../../core/recording/report.ts";
import { exitCodes, MayflyError } from "../../model/error.ts";
import type { Bundle } from "../../ports/bundler.ts";
import { type ConfigOption, jobOf, loadConfig } from "../config.ts";
import { printJson, printResult, say, warn } from "../print.ts";
import { placeLines } from "../run-error.ts";

export interface ReplayOptions extends ConfigOption {
  jobFile?: string;
  current?: boolean;
  json?: boolean;
  quiet?: boolean;
  export?: string;
  clear?: boolean;
}

export async function replay(run: string, options: ReplayOptions): Promise<void> {
  requireOne(options);
  const config = await loadConfig(options);
  if (options.export !== undefined) return exportTo(run, config, options.export, options.clear === true);
  const replayer = await openReplayer({
    config,
    env: process.env,
    osSandbox: "preferred",
    onWarning: warn,
    onLine: ({ level, text }) => options.quiet || say(`${colors.cyan(level.padEnd(9))} ${text}`),
  });
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupt.abort());
  try {
    const opened = await openRecording(replayer.ledger, run, describeWay(options));
    const bundle = await bundleFor(opened, replayer, config, options);
    const report = await replayer.replay({ recording: opened.recording, bundle }, interrupt.signal);
    if (options.json) await printJson(report);
    else await printResult(describe(report));
    process.exitCode = interrupt.signal.aborted
      ? exitCodes.interrupted
      : report.verdict === "same"
        ? exitCodes.succeeded
        : exitCodes.failed;
  } finally {
    await replayer.close();
  }
}

/** @throws MayflyError `usage`. */
function requireOne({ jobFile, current, export: path, clear, json }: ReplayOptions): void {
  const ways = [
    ...(jobFile === undefined ? [] : ["--job-file"]),
    ...(current === true ? ["--current"] : []),
    ...(path === undefined ? [] : ["--export"]),
  ];
  if (ways.length > 1) throw usage(`${ways.join(" and ")} were given`, "one of them at most");
  if (clear === true && path === undefined) throw usage("--clear without --export", "--export <file> --clear");
  if (json === true && path !== undefined) throw usage("--export prints no report", "one of --export and --json");
}

function usage(message: string, needed: string): MayflyError {
  return new MayflyError({ code: "usage", message, needed });
}

/** For the audit. */
function describeWay({ jobFile, current }: ReplayOptions): string {
  if (jobFile !== undefined) return "replayed with another module";
  return current === true ? "replayed with the job as it is now" : "replayed";
}

async function bundleFor(
  { recording }: OpenedRecording,
  replayer: Replayer,
  config: Config,
  { jobFile, current }: ReplayOptions,
): Promise<Bundle> {
  if (jobFile !== undefined) return replayer.bundle(resolve(jobFile));
  return current === true ? replayer.bundle(jobOf(config, recording.about.job).entry) : recording.bundle;
}

async function exportTo(run: string, config: Config, path: string, clear: boolean): Promise<void> {
  const ledger = openLedger(config);
  try {
    const opened = await openRecording(ledger, run, clear ? "exported in the clear" : "exported, sealed");
    await exportRecording(ledger, opened, { path: resolve(path), clear });
    const { cut } = opened.recording;
    if (cut !== null) warn(`the recording is not whole: ${cut}`);
    if (clear)
      warn(
        "the file is not encrypted, and holds what servers and files answered to this run: keep it as you keep those",
      );
    else say("sealed with this installation's keys: it opens where they are. --clear writes one that opens anywhere");
  } finally {
    await ledger.close();
  }
}

function describe(report: ReplayReport): string {
  const { run, job, verdict, calls, cut, logs, result, engine, bundle } = report;
  const mark = verdict === "same" ? colors.green : verdict === "cut" ? colors.yellow : colors.red;
  const lines = [
    `${mark(verdict.padEnd(9))} ${run} of ${job}: ${calls.matched} of ${calls.recorded} recorded calls were made again`,
  ];
  if (cut !== null) lines.push(`recording ${colors.yellow(`not whole: ${cut}`)}; compared as far as it goes`);
  if (engine.recorded !== engine.replayed)
    lines.push(`engine    recorded by ${engine.recorded}, replayed by ${engine.replayed}`);
  lines.push(`bundle    ${bundle.recorded === bundle.replayed ? "the recorded one" : `another: ${bundle.replayed}`}`);
  lines.push(...endingLines(report), ...divergenceLines(report));
  lines.push(`result    ${result.same ? "the same" : colors.red("differs")}`, ...differenceLines(result.differences));
  lines.push(...logLines(logs));
  return lines.join("\n");
}

function endingLines({ ending: { recorded, replayed } }: ReplayReport): string[] {
  const text = (each: typeof recorded, none: string) =>
    each === null ? none : `${each.state}${each.error === null ? "" : `: ${each.error.message} [${each.error.code}]`}`;
  const was = text(recorded, "not recorded");
  const is = text(replayed, "at the end of the recording");
  return [`ending    ${was === is ? is : `${is} (recorded: ${was})`}`];
}

function divergenceLines({ divergence, divergences }: ReplayReport): string[] {
  if (divergence === null) return [];
  const { kind, made, recorded, differences, source, consequence } = divergence;
  const lines = [
    colors.red(`diverged  ${divergences === 1 ? "at one call" : `at ${divergences} calls, first at this`}: ${kind}`),
  ];
  if (made !== null) lines.push(`  made      ${callText(made)}`);
  lines.push(...placeLines(source ?? undefined).map((line) => `            ${line}`));
  if (recorded !== null) lines.push(`  recorded  ${callText(recorded)}`);
  lines.push(...differenceLines(differences), `  then      ${consequence}`);
  return lines;
}

function callText({ operation, target, body }: ShownCall): string {
  return `${operation} ${target}${body === null ? "" : ` (body sha256 ${body.slice(0, 16)}…)`}`;
}

function differenceLines(differences: readonly Difference[]): string[] {
  return differences.flatMap(({ path, recorded, replayed }) => [
    `  ${path === "" ? "/" : path}`,
    colors.red(`    - ${recorded ?? "nothing"}`),
    colors.green(`    + ${replayed ?? "nothing"}`),
  ]);
}

function logLines({ same, recorded, replayed, first }: ReplayReport["logs"]): string[] {
  if (same || first === null) return [`logs      the same (${replayed} lines)`];
  return [
    `logs      ${colors.red(`differ at line ${first.line}`)} (${recorded} lines recorded, ${replayed} replayed)`,
    colors.red(`    - ${first.recorded ?? "nothing"}`),
    colors.green(`    + ${first.replayed ?? "nothing"}`),
  ];
}
