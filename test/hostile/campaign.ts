// A campaign of hostile runs: the supervisor in a process of its own, a process that only measures, to tell the
// machine's stalls from ours, and a server that misbehaves. Answers for noticing when the supervisor ends by itself, and for leaving nothing.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import tmp from "tmp";
import { allocatorSettings, youngSpaceFlag } from "../../runtime/adapters/system/own-memory.ts";
import { childEnv } from "../support/child-env.ts";
import { compareGaps, type Gap } from "../support/gaps.ts";
import type { Findings } from "./judge.ts";
import { startHostileServer } from "./server.ts";
import type { SupervisorOptions, SupervisorSays } from "./supervisor.ts";

export interface HostileOptions {
  runs: number;
  seed: number;
  /** Hostile runs that are submitted and not over, at any time. */
  atOnce: number;
  /** Only these kinds; all by default. */
  only?: string[];
  /** Leaves something of each sort behind. */
  leaks?: boolean;
  /** Aborted: no further run is submitted, and what goes on is waited for. */
  stop?: AbortSignal;
  /** One line of progress. */
  say?(line: string): void;
}

const sayEveryMs = 5_000;

/** Rejects when the supervisor ends before it has said what it found. */
export async function hostileCampaign(options: HostileOptions): Promise<Findings> {
  const { name: directory } = tmp.dirSync({ prefix: "mayfly-hostile-", mode: 0o711, keep: true });
  mkdirSync(join(directory, "tmp"));
  const server = await startHostileServer();
  const control = fork(join(import.meta.dirname, "control.ts"), {
    execArgv: [],
    env: { ...childEnv(), TMPDIR: directory },
  });
  const supervisor = fork(join(import.meta.dirname, "supervisor.ts"), {
    execArgv: ["--expose-gc", youngSpaceFlag],
    env: { ...childEnv(), ...allocatorSettings, TMPDIR: join(directory, "tmp") }, // as `mayfly start` has it
  });
  const stop = () => void (supervisor.connected && supervisor.send({ stop: true }));
  options.stop?.addEventListener("abort", stop);
  try {
    const { found, gaps } = await heard(supervisor, { ...options, directory, serverPort: server.port });
    const idle = once(control, "message");
    control.send("gaps");
    return { ...found, heartbeat: compareGaps(gaps, (await idle)[0] as Gap[]) };
  } finally {
    options.stop?.removeEventListener("abort", stop);
    await Promise.all([ended(supervisor), ended(control), server.stop()]);
    rmSync(directory, { recursive: true, force: true });
  }
}

type Found = Extract<SupervisorSays, { type: "found" }>;

function heard(
  supervisor: ChildProcess,
  {
    runs,
    seed,
    atOnce,
    only = [],
    leaks = false,
    directory,
    serverPort,
    say,
  }: HostileOptions & Pick<SupervisorOptions, "directory" | "serverPort">,
): Promise<Found> {
  const options: SupervisorOptions = { runs, seed, atOnce, only, leaks, directory, serverPort };
  let saidAt = Number.NEGATIVE_INFINITY;
  return new Promise((resolve, reject) => {
    supervisor.on("message", (message: SupervisorSays) => {
      if (message.type === "found") return resolve(message);
      const { done, violations, rssBytes } = message;
      const now = performance.now();
      if (now - saidAt < sayEveryMs) return;
      saidAt = now;
      say?.(`${done} of ${runs} runs, ${violations} violations, supervisor ${Math.round(rssBytes / 1_048_576)} MiB`);
    });
    supervisor.once("exit", (code, signal) => {
      reject(new Error(`the supervisor ended by itself: ${signal ?? `exit code ${code}`}; seed ${seed}`));
    });
    supervisor.send({ options });
  });
}

/** It ends by itself once it has spoken; a little later it is made to. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
