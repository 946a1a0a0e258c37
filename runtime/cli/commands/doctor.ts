// `mayfly doctor`: looks at the layers and tries the limits, with real executors. `--attack`: all of our own attacks against
// this installation, each with its verdict. State, issuer and listeners are its own, in a temporary directory.
import { systemClock } from "../../adapters/system/clock.ts";
import { withTemporaryDirectory } from "../../adapters/system/temporary-directory.ts";
import type { Config } from "../../config.ts";
import { exitCodes, MayflyError } from "../../model/error.ts";
import { type ConfigOption, loadConfig } from "../config.ts";
import type { Attack, Place, Row } from "../doctor/attack.ts";
import { allAttacks, lookAttacks } from "../doctor/attacks/all.ts";
import { type Conclusion, conclude } from "../doctor/conclusion.ts";
import { openLab } from "../doctor/lab.ts";
import { layerRows, versionRows } from "../doctor/layers.ts";
import { attackLine, lookLine, lookRow } from "../doctor/report.ts";
import { runAttacks } from "../doctor/run-attacks.ts";
import { printJson, printResult, say, warn } from "../print.ts";

export interface DoctorOptions extends ConfigOption {
  json?: boolean;
  attack?: boolean;
}

export async function doctor(options: DoctorOptions): Promise<void> {
  const { executor, path } = await settingsOf(options);
  const osSandbox = executor.osSandbox ?? "required";
  const interrupted = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => interrupted.abort(new Error(signal));
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, onSignal);
  try {
    const attacks = options.attack ? allAttacks : lookAttacks;
    const rows = await withTemporaryDirectory("mayfly-doctor-", (directory) =>
      tryAll({ executor, directory, attacks, signal: interrupted.signal, tells: options.attack === true }),
    );
    await (options.attack ? printAttacks : printLook)(rows, { osSandbox, path, json: options.json === true });
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    say(`${interrupted.signal.reason.message}: stopped, and everything was taken away`);
    process.exitCode = exitCodes.interrupted;
  } finally {
    for (const signal of signals) process.off(signal, onSignal);
  }
}

// A machine can be examined before there is a config; a broken config is an error as everywhere.
async function settingsOf(options: ConfigOption): Promise<Pick<Config, "executor"> & { path: string | null }> {
  try {
    return await loadConfig(options);
  } catch (error) {
    if (error instanceof MayflyError && error.code === "config_missing" && options.config === undefined)
      return { executor: { osSandbox: null, warm: 0, reuse: null }, path: null };
    throw error;
  }
}

interface Trial {
  executor: Config["executor"];
  directory: string;
  attacks: (place: Place) => readonly Attack[];
  signal: AbortSignal;
  /** Whether each attack is announced. */
  tells: boolean;
}

async function tryAll({ executor, directory, attacks, signal, tells }: Trial): Promise<Row[]> {
  const lab = await openLab({
    // What is missing shall be seen rather than refused; what follows from it is this command's exit code.
    executor: { ...executor, osSandbox: "preferred" },
    directory,
    attacks,
    onWarning: warn,
    env: process.env,
  });
  signal.addEventListener("abort", () => lab.stop(), { once: true });
  try {
    signal.throwIfAborted();
    const before = [...versionRows(), ...(await layerRows(lab.runtime.pool, systemClock))];
    const onTry = (attack: Attack, number: number, of: number) =>
      say(`${String(number).padStart(String(of).length)} of ${of}: ${attack.group}, ${attack.name}`);
    const rows = await runAttacks({ lab, clock: systemClock, atOnce: 1, signal, ...(tells ? { onTry } : {}) });
    return [...before, ...rows];
  } finally {
    await lab.close();
  }
}

interface Printing {
  osSandbox: "required" | "preferred";
  path: string | null;
  json: boolean;
}

async function printAttacks(rows: readonly Row[], { osSandbox, path, json }: Printing): Promise<void> {
  const conclusion = conclude(rows, osSandbox);
  const { verdict, exitCode } = conclusion;
  const about = { verdict, exitCode, osSandbox, config: path, node: process.versions.node };
  if (json) await printJson({ ...about, attacks: rows });
  else await printResult(rows.map(attackLine).join("\n"));
  sayConclusion(conclusion, osSandbox);
}

async function printLook(rows: readonly Row[], { osSandbox, json }: Printing): Promise<void> {
  const looked = rows.map(lookRow);
  if (json) await printJson({ rows: looked, osSandbox });
  else await printResult(looked.map(lookLine).join("\n"));
  sayConclusion(conclude(rows, osSandbox), osSandbox);
}

function sayConclusion({ line, missing, broken, exitCode }: Conclusion, osSandbox: "required" | "preferred"): void {
  say(line);
  if (missing.length > 0 && broken.length === 0) {
    say(
      osSandbox === "required"
        ? "`mayfly start` refuses to serve like this"
        : 'executor.osSandbox is "preferred": runs go on without them',
    );
  }
  if (broken.length > 0) say("a defence that should have held did not: run nothing here that you don't trust");
  process.exitCode = exitCode;
}
