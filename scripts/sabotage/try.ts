// Runs one test file in a copy, and says what came of it. What counts as noticing is an assertion that fails inside a named
// test: a file that doesn't load has noticed nothing, and neither has one that hangs, unless that is what it is for.
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { makeTapReader } from "../tap/read.ts";
import { type Copy, envTool, withoutHooks } from "./copy.ts";

export type FileOutcome =
  | { outcome: "green" }
  | { outcome: "red"; test: string }
  | { outcome: "hung" }
  /** It ended without one test that ran to its end. */
  | { outcome: "broken"; said: string };

export interface TryOptions {
  copy: Copy;
  /** From the copy's root. */
  file: string;
  withinMs: number;
  /** Aborted: the process group is killed, and the promise rejects. */
  stop: AbortSignal;
}

const saidCharsMax = 600;
const pipesMs = 2_000;
/** It has noticed; the rest of the file has this long, to take its things away. */
const afterRedMs = 10_000;
const titleCharsMax = 200;

/** Resolves when the process and all in its group are gone. */
export async function tryFile({ copy, file, withinMs, stop }: TryOptions): Promise<FileOutcome> {
  stop.throwIfAborted();
  const child = spawn(envTool, [...withoutHooks, process.execPath, join(copy.root, file)], {
    cwd: copy.root,
    detached: true, // a group of its own, to be killed as one
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TMPDIR: copy.temporary, TAP_TIMEOUT: String(Math.ceil(withinMs / 1_000)) },
  });
  let hung = false;
  const kill = () => killGroup(child);
  const deadline = setTimeout(() => {
    hung = true;
    kill();
  }, withinMs);
  stop.addEventListener("abort", kill);
  try {
    const found = await follow(child);
    stop.throwIfAborted();
    return judge(found, hung);
  } finally {
    clearTimeout(deadline);
    stop.removeEventListener("abort", kill);
    kill(); // whatever it left in its group
  }
}

interface Found {
  red: string | undefined;
  timedOut: boolean;
  tests: number;
  code: number | null;
  said: string;
}

async function follow(child: ChildProcess): Promise<Found> {
  const found: Found = { red: undefined, timedOut: false, tests: 0, code: null, said: "" };
  const ended = new Promise<number | null>((resolve) => {
    child.once("error", (error) => {
      found.said = error.message;
      resolve(null);
    });
    child.once("close", resolve);
    // What it left behind may hold its pipes open: the exit counts, and what was said until shortly after it.
    child.once("exit", (code) => {
      killGroup(child);
      setTimeout(() => resolve(code), pipesMs).unref();
    });
  });
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    found.said = (found.said + chunk).slice(0, saidCharsMax);
  });
  const reader = makeTapReader();
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  lines.on("line", (text) => {
    const point = reader.line(text);
    if (point === undefined) return;
    if (point.within.length === 0) found.tests += 1;
    else if (!point.ok && /^timeout!/.test(point.title)) found.timedOut = true;
    else if (!point.ok && found.red === undefined) {
      found.red = [...point.within, point.title].join(" › ").slice(0, titleCharsMax);
      setTimeout(() => killGroup(child), afterRedMs).unref();
    }
  });
  found.code = await ended;
  return found;
}

function judge({ red, timedOut, tests, code, said }: Found, hung: boolean): FileOutcome {
  if (red !== undefined) return { outcome: "red", test: red };
  if (hung || timedOut) return { outcome: "hung" };
  if (code === 0 && tests > 0) return { outcome: "green" };
  return { outcome: "broken", said: said.trim() || `exit code ${code}, ${tests} tests` };
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // gone already
  }
}
