// The supervisor's own memory, in which credentials are while their runs go on: what Node or the kernel would write of it
// to a file, to a terminal or to a debugger is turned off where that can be done from within; where it was asked for by
// an option or a variable, a process that serves refuses to. And the policy for its own faults:
//
//   an exception that nobody catches, a rejection that nobody handles: a defect of Mayfly, told and noted in the audit by
//   kind and place, without its message, which may quote anything; the process goes on, since a run could otherwise end
//   the runs of others by finding such a defect.
import { spawn } from "node:child_process";
import { errorCodes, MayflyError } from "../../model/error.ts";
import type { Store } from "../../ports/store.ts";

/** Options of Node's by which memory, traffic or keys leave the process. */
const telltaleOptions = [
  ...["--inspect", "--inspect-brk", "--inspect-wait", "--heapsnapshot-signal", "--heapsnapshot-near-heap-limit"],
  ...["--abort-on-uncaught-exception", "--tls-keylog", "--trace-tls"],
];
/** Variables that make libraries print what they send. */
const telltaleVariables = ["NODE_DEBUG", "SSLKEYLOGFILE"];
/** Frames of a fault that are told. */
const framesMax = 8;

/** What of the options and variables of this process lets its memory out: each as it was given. */
export function openToOthers(
  execArgv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const options = [...execArgv, ...(env.NODE_OPTIONS ?? "").split(/\s+/)];
  const asked = telltaleOptions.filter((name) =>
    options.some(
      (option) => option.replaceAll("_", "-") === name || option.replaceAll("_", "-").startsWith(`${name}=`),
    ),
  );
  return [...asked, ...telltaleVariables.filter((name) => (env[name] ?? "") !== "")];
}

/** @throws MayflyError `usage` for a process whose memory was laid open. */
export function requireClosedMemory(
  execArgv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): void {
  const found = openToOthers(execArgv, env);
  if (found.length === 0) return;
  throw new MayflyError({
    code: "usage",
    message: "this process was started so that what it holds can leave it, credentials of runs too",
    found: found.join(", "),
    needed: "none of Node's options and variables that write memory, traffic or TLS keys, or open a debugger",
    next: "start it without them; `mayfly run` takes them, for your own jobs and test credentials",
  });
}

/** For the life of this process. @param onWarning one line for the operator. */
export function guardOwnProcess({ store }: { store: Pick<Store, "commit"> }, onWarning: (line: string) => void): void {
  process.on("SIGUSR1", () => {}); // Node would open a debugger
  if (process.report !== undefined) process.report.excludeEnv = true; // root credentials may be in it
  forbidCore(onWarning);
  const onFault = (error: unknown) => {
    const detail = placeOf(error);
    onWarning(`a fault of Mayfly's own, and it goes on: please report it: ${detail}`);
    void store.commit([{ audit: { type: "alert", code: "internal", detail } }]).catch(() => undefined);
  };
  process.on("uncaughtException", onFault); // rejections that nobody handles come here too
}

// One byte and not none: with a limit of 0 the kernel still hands a core to a program that core_pattern names, with 1 it
// makes none at all (core(5), and fs/coredump.c, which takes 1 for a program that has crashed itself).
function forbidCore(onWarning: (line: string) => void): void {
  const command = spawn("prlimit", ["--core=1:1", "--pid", String(process.pid)], { stdio: "ignore" });
  const missing = () => onWarning("prlimit (util-linux) is missing: a crash of this process may leave a core file");
  command.once("error", missing);
  command.once("exit", (code) => code !== 0 && missing());
}

/** The kind of an error and where it was made. */
function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return `a ${typeof error} was thrown`;
  const code = error instanceof MayflyError && errorCodes[error.code] !== undefined ? ` (${error.code})` : "";
  const stack = error.stack ?? "";
  const afterMessage = stack.indexOf(error.message) + error.message.length; // a message may look like frames
  const frames = stack
    .slice(afterMessage)
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .slice(0, framesMax);
  // Node's own words for it: its message quotes what was thrown.
  const name =
    (error as { code?: unknown }).code === "ERR_UNHANDLED_REJECTION"
      ? "a rejection that is no error"
      : error.constructor.name;
  return `${name}${code}${frames.map((frame) => ` ${frame.trim()}`).join("")}`;
}
