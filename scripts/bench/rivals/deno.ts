// Deno: `deno run` a job; and one process in which each job is a Worker without permissions. Nothing of it asks the network.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { programOf } from "../peers/install.ts";
import type { Rival, RivalParts } from "../rivals.ts";
import { machineMs } from "../stats.ts";
import { job } from "./job.ts";

const runProgram = `console.log(JSON.stringify(${job}(null)));`;
const workerProgram = `self.postMessage(${job}(null));`;
// A line on its standard input asks for a job, a line on its standard output is a result.
const hostProgram = `
  const run = () => new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", deno: { permissions: "none" } });
    worker.onmessage = ({ data }) => {
      worker.terminate();
      resolve(data);
    };
    worker.onerror = reject;
  });
  const encoder = new TextEncoder();
  const answer = async () => Deno.stdout.write(encoder.encode(JSON.stringify(await run()) + "\\n"));
  for await (const bytes of Deno.stdin.readable) for (const byte of bytes) if (byte === 10) void answer();
`;
const alone = ["--no-config", "--no-lock", "--no-prompt", "--no-remote", "--no-npm"];

export async function openRuns(parts: RivalParts): Promise<Rival> {
  const directory = prepare(parts);
  return {
    async run() {
      const start = machineMs();
      const child = deno(parts, directory, ["run.js"]);
      await new Promise<void>((resolve, reject) => {
        child.stdout?.once("data", () => resolve());
        child.once("error", reject).once("close", () => reject(new Error("it ended without a result")));
      });
      const ms = machineMs() - start;
      await end(child);
      return ms;
    },
    async close() {},
  };
}

export async function openWorkers(parts: RivalParts): Promise<Rival> {
  const directory = prepare(parts);
  const child = deno(parts, directory, ["--unstable-worker-options", `--allow-read=${directory}`, "host.js"]);
  const kill = () => void child.kill("SIGKILL");
  process.once("exit", kill);
  const waiting: (() => void)[] = []; // all results are alike: the first to come is for the first who waits
  createInterface({ input: child.stdout as Readable }).on("line", () => waiting.shift()?.());
  const ended = new Promise<never>((_, reject) => {
    child.once("error", reject).once("exit", () => reject(new Error("Deno has ended")));
  });
  ended.catch(() => {}); // it is told to, in the end
  return {
    async run() {
      const start = machineMs();
      const answered = new Promise<void>((resolve) => waiting.push(resolve));
      child.stdin?.write("\n");
      await Promise.race([answered, ended]);
      return machineMs() - start;
    },
    async close() {
      await end(child);
      process.off("exit", kill);
    },
  };
}

function prepare({ scratch }: RivalParts): string {
  const directory = join(scratch, "deno");
  mkdirSync(directory, { recursive: true });
  const programs = { "run.js": runProgram, "worker.js": workerProgram, "host.js": hostProgram };
  for (const [name, text] of Object.entries(programs)) writeFileSync(join(directory, name), text);
  return directory;
}

function deno({ modules }: RivalParts, directory: string, words: string[]): ChildProcess {
  return spawn(programOf(modules, "deno"), ["run", ...alone, ...words], {
    cwd: directory,
    env: { DENO_DIR: join(directory, "cache"), DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
    stdio: ["pipe", "pipe", "inherit"],
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGKILL");
  await gone;
}
