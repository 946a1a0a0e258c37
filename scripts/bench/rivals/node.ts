// What Node brings, and isolated-vm as one would use it without a process around it.
import { fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import ivm from "isolated-vm";
import type { Rival, RivalParts } from "../rivals.ts";
import { machineMs } from "../stats.ts";
import { job } from "./job.ts";

const forkProgram = `process.once("message", (input) => process.send(${job}(input)));`;
const workerProgram = `require("node:worker_threads").parentPort.postMessage(${job}(null));`;

async function close(): Promise<void> {}

/** New isolate, new context, compile, run, dispose. */
export function openIsolates(): Rival {
  return {
    async run() {
      const start = machineMs();
      const made = new ivm.Isolate({ memoryLimit: 64 });
      const context = made.createContextSync();
      const result = made.compileScriptSync(`JSON.stringify(${job}(null))`).runSync(context);
      made.dispose();
      JSON.parse(String(result));
      return machineMs() - start;
    },
    close,
  };
}

export function openForks({ scratch }: RivalParts): Rival {
  const path = join(scratch, "forked-job.cjs");
  writeFileSync(path, forkProgram);
  return {
    async run() {
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
    },
    close,
  };
}

export function openWorkers(): Rival {
  return {
    async run() {
      const start = machineMs();
      const thread = new Worker(workerProgram, { eval: true });
      await new Promise((resolve) => thread.once("message", resolve));
      const ms = machineMs() - start;
      await thread.terminate();
      return ms;
    },
    close,
  };
}
