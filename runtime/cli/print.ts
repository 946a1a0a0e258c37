// How the command line speaks: progress and summaries on stderr, results on stdout.
import colors from "picocolors";
import { type ExitCode, errorCodes, exitCodes, MayflyError, messageOf } from "../model/error.ts";
import type { Denial, RecordingNote, RunRecord } from "../model/run.ts";
import type { RunEvent } from "../model/run-event.ts";
import { toErrorAnswer } from "../protocol/control.ts";
import { errorLines } from "./run-error.ts";

export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function warn(message: string): void {
  say(colors.yellow(`warning: ${message}`));
}

/** Waits until the pipe has taken it: the process may end right after. */
export function printResult(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${text}\n`, (error) => (error ? reject(error) : resolve()));
  });
}

/** As they are, at the pace of whoever reads them. */
export async function printBytes(pieces: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of pieces) {
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(piece, (error) => (error ? reject(error) : resolve()));
    });
  }
}

export function printJson(value: unknown): Promise<void> {
  return printResult(JSON.stringify(value, null, 2));
}

/** Says what failed and returns the exit code. With `json` the error is on stdout too, for programs. */
export function fail(error: unknown, json = false): ExitCode {
  const known =
    error instanceof MayflyError
      ? error
      : new MayflyError({
          code: "internal",
          message: `Mayfly itself failed: ${messageOf(error)}`,
          next: "please report this, with the stack below",
          cause: error,
        });
  const [first = "", ...rest] = known.describe().split("\n");
  say([colors.red(`error: ${first}`), ...rest].join("\n"));
  if (known.code === "internal" && error instanceof Error) say(error.stack ?? "");
  if (json) process.stdout.write(`${JSON.stringify(toErrorAnswer(known), null, 2)}\n`);
  return errorCodes[known.code] === undefined ? exitCodes.runtime : known.exitCode;
}

/** A run's life, one line an event. */
export function makeProgress(): (event: RunEvent) => void {
  const mark = (text: string) => colors.cyan(text.padEnd(9));
  return (event) => {
    const line = describeEvent(event);
    if (line !== undefined) say(`${mark(event.type)} ${line}`);
  };
}

function describeEvent(event: RunEvent): string | undefined {
  switch (event.type) {
    case "accepted":
      return `${event.job} as ${event.runId}`;
    case "launched":
      return `executor process ${event.pid}`;
    case "log":
      return `${levelOf(event.level)}${event.text}`;
    case "lease":
      return `${event.issuer}: ${event.state}${event.detail === "" ? "" : ` (${event.detail})`}`;
    case "denied":
      return colors.yellow(denialText(event.denial));
    case "alert":
      return colors.red(`${event.message} [${event.code}]`);
    case "result":
      return event.state;
    case "teardown":
      return `${event.step}: ${event.confirmation === "unconfirmed" ? colors.red("unconfirmed") : event.confirmation}`;
    case "ended":
      return undefined;
  }
}

function levelOf(level: string): string {
  return level === "error" ? colors.red("error ") : level === "warn" ? colors.yellow("warn ") : "";
}

/** What a person wants to know when the run is over. */
export function summarize(record: RunRecord): void {
  const { state, error, usage, outputs, lease, teardown } = record;
  const good = state === "succeeded";
  say(
    `${(good ? colors.green : colors.red)(state.padEnd(9))} ${usage.wallMs} ms wall, ${usage.cpuMs} ms CPU, ${Math.round(usage.memoryBytesPeak / 1_048_576)} MiB peak`,
  );
  for (const line of error === null ? [] : errorLines(error)) say(`          ${line}`);
  if (error?.stack !== undefined) say(colors.dim(error.stack));
  for (const { sink, form } of record.leaks ?? [])
    say(colors.red(`leak      the credential was in its ${sink} (${form})`));
  if (outputs.length > 0) {
    say(`outputs   ${outputs.map(({ path }) => path).join(", ")}`);
    say(`          encrypted; mayfly run-show ${record.id} --save <directory> writes them`);
  }
  if (record.recording !== undefined) say(`recorded  ${recordingText(record.recording)}; mayfly replay ${record.id}`);
  if (lease !== null) say(`lease     ${lease.state}${lease.proof === null ? "" : `: ${lease.proof}`}`);
  const unconfirmed = Object.entries(teardown).filter(([, confirmation]) => confirmation === "unconfirmed");
  if (unconfirmed.length > 0) {
    say(
      colors.red(
        `unconfirmed: ${unconfirmed.map(([name]) => name).join(", ")} may live on; the next start tries again (mayfly leases)`,
      ),
    );
  }
}

export function recordingText({ bytes, cut }: RecordingNote): string {
  return `${bytes} bytes${cut === null ? "" : `, not whole: ${cut}`}`;
}

/** Columns for people. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  }
  return rows
    .map((row) =>
      row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0))).join("  "),
    )
    .join("\n");
}

function denialText({ capability, message, code, remedy }: Denial): string {
  const help = remedy === undefined ? "" : `; to allow it, write ${remedy}`;
  return `${capability}: ${message} [${code}]${help}`;
}
