// (b) Jobs a second, each in an executor of its own, beside what this machine can spawn and kill of bare executors. The
// kinds take turns in short slices. A slice of ours begins with a full shelf of warm executors and counts until the
// shelf is full again: what was warmed before is not for nothing.
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { machineMs, shuffled } from "./stats.ts";
import { type Bench, type BenchRuntime, openBenchRuntime } from "./world.ts";

export interface Rates {
  concurrency: number;
  /** Per second, one figure a slice, in the order of the rounds. */
  perSecond: Record<RateKind, number[]>;
}

export const rateKinds = ["jobs 1", "spawns 1", "bare 1", "jobs n", "spawns n", "bare n"] as const;
export type RateKind = (typeof rateKinds)[number];

// A Node process with the addon and an isolate, and no wall around it.
const bareProgram = `
  const ivm = require("isolated-vm");
  new ivm.Isolate({ memoryLimit: 64 }).createContextSync();
  process.stdout.write("ready");
  setInterval(() => {}, 1000);
`;

export async function measureRates(bench: Bench): Promise<Rates> {
  const concurrency = 2 * availableParallelism();
  const ours = await openBenchRuntime(bench, "rate", {
    scheduler: { concurrency },
    executor: { warm: 2 },
    jobs: { trivial: { entry: "./jobs/trivial.ts" } },
  });
  const perSecond = Object.fromEntries(rateKinds.map((kind) => [kind, [] as number[]])) as Rates["perSecond"];
  const rounds = bench.quick ? 1 : 5;
  const sliceMs = bench.quick ? 150 : 1_500;
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const kind of shuffled(rateKinds, bench.chance)) {
        perSecond[kind].push(await measureSlice(ours, kind, kind.endsWith("n") ? concurrency : 1, sliceMs));
      }
      bench.say(`jobs a second ${round + 1}/${rounds}`);
    }
    return { concurrency, perSecond };
  } finally {
    await ours.close();
  }
}

async function measureSlice(ours: BenchRuntime, kind: RateKind, atOnce: number, sliceMs: number): Promise<number> {
  const one = kind.startsWith("jobs") ? () => ours.run() : kind.startsWith("spawns") ? () => spawnOne(ours) : spawnBare;
  await ours.warmed();
  const start = machineMs();
  let count = 0;
  const lane = async () => {
    while (machineMs() < start + sliceMs) {
      await one();
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  await ours.warmed();
  return (count * 1_000) / (machineMs() - start);
}

/** The executor command behind the same layers, until it is ready. Of a class that nobody keeps warm. */
async function spawnOne({ runtime, executorClass }: BenchRuntime): Promise<void> {
  const executor = await runtime.pool.take({ ...executorClass, cpuMs: executorClass.cpuMs - 1 });
  await executor.kill(5_000);
}

async function spawnBare(): Promise<void> {
  const child = spawn(process.execPath, ["-e", bareProgram], {
    cwd: import.meta.dirname,
    env: {},
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  await Promise.race([new Promise((resolve) => child.stdout.once("data", resolve)), gone]);
  child.kill("SIGKILL");
  await gone;
}
