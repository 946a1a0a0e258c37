// The other ways to run a trivial job, each measured from nothing to its result, in a process of their own: the
// supervisor never loads isolated-vm. Told {kind}, answers {ms}.
import { fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import ivm from "isolated-vm";
import { endWithParent, sayToParent } from "./child.ts";
import { machineMs } from "./stats.ts";

export type Rival = "isolate" | "fork" | "worker";

interface Told {
  kind: Rival;
  /** A directory that a fork's program can be written to. */
  scratch: string;
}

// Plain JavaScript, so that no rival pays for the stripping of types.
const job = "((input) => ({ ok: true }))";
const forkProgram = `process.once("message", (input) => process.send(${job}(input)));`;
const workerProgram = `require("node:worker_threads").parentPort.postMessage(${job}(null));`;

/** New isolate, new context, compile, run, dispose: isolated-vm as one would use it without a process around it. */
async function isolate(): Promise<number> {
  const start = machineMs();
  const made = new ivm.Isolate({ memoryLimit: 64 });
  const context = made.createContextSync();
  const result = made.compileScriptSync(`JSON.stringify(${job}(null))`).runSync(context);
  made.dispose();
  JSON.parse(String(result));
  return machineMs() - start;
}

async function forked({ scratch }: Told): Promise<number> {
  const path = join(scratch, "forked-job.cjs");
  writeFileSync(path, forkProgram);
  const start = machineMs();
  const child = fork(path, { execArgv: [] });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const answered = new Promise((resolve) => child.once("message", resolve));
  child.send({ input: null });
  await answered;
  const ms = machineMs() - start;
  child.kill("SIGKILL");
  await gone;
  return ms;
}

async function worker(): Promise<number> {
  const start = machineMs();
  const thread = new Worker(workerProgram, { eval: true });
  await new Promise((resolve) => thread.once("message", resolve));
  const ms = machineMs() - start;
  await thread.terminate();
  return ms;
}

const rivals: Record<Rival, (told: Told) => Promise<number>> = { isolate, fork: forked, worker };

endWithParent();
process.on("message", async (told: Told) => {
  sayToParent({ ms: await rivals[told.kind](told) });
});
