// (b) Jobs a second, each in an executor of its own, beside what this machine can spawn and kill of bare executors and of
// Node processes that do nothing; and jobs that share an executor one after another (`reuse: "same-job"`), beside raw
// isolates in one process. The kinds take turns in short slices. A slice of ours begins with a full shelf of warm executors
// and counts until the shelf is full again: what was warmed before is not for nothing.
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { type RivalHost, startRivals } from "./rivals.ts";
import { machineMs, shuffled } from "./stats.ts";
import { type Bench, type BenchRuntime, openBenchRuntime } from "./world.ts";

export interface Rates {
  concurrency: number;
  /** Per second, one figure a slice, in the order of the rounds. */
  perSecond: Record<RateKind, number[]>;
}

const what = ["jobs", "reused", "spawns", "unwalled", "node"] as const;
export const rateKinds = [...what.flatMap((each) => [`${each} 1`, `${each} n`] as const), "isolate 1"] as const;
export type RateKind = (typeof rateKinds)[number];

/** As many runs of one process as a config may well say. */
export const reuse = { reuse: "same-job", runsMax: 1_000 } as const;

// A Node process with the addon and an isolate, and no wall around it.
const unwalledProgram = `
  const ivm = require("isolated-vm");
  new ivm.Isolate({ memoryLimit: 64 }).createContextSync();
  process.stdout.write("ready");
  setInterval(() => {}, 1000);
`;
// The least that shows that Node runs: its streams alone take some milliseconds to load.
const nodeProgram = `
  require("node:fs").writeSync(1, ".");
  setInterval(() => {}, 1000);
`;

interface Kinds {
  ours: BenchRuntime;
  reused: BenchRuntime;
  rivals: RivalHost;
}

export async function measureRates(bench: Bench): Promise<Rates> {
  const concurrency = 2 * availableParallelism();
  const words = { scheduler: { concurrency }, jobs: { trivial: { entry: "./jobs/trivial.ts" } } };
  const ours = await openBenchRuntime(bench, "rate", { ...words, executor: { warm: 2 } });
  const reused = await openBenchRuntime(bench, "rate-reused", { ...words, executor: { warm: 2, ...reuse } });
  const rivals = startRivals({ scratch: bench.scratch, modules: "" });
  const perSecond = Object.fromEntries(rateKinds.map((kind) => [kind, [] as number[]])) as Rates["perSecond"];
  const rounds = bench.quick ? 1 : 5;
  const sliceMs = bench.quick ? 100 : 1_500;
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const kind of shuffled(rateKinds, bench.chance)) {
        const lanes = kind.endsWith("n") ? concurrency : 1;
        perSecond[kind].push(await measureSlice({ ours, reused, rivals }, kind, lanes, sliceMs));
      }
      bench.say(`jobs a second ${round + 1}/${rounds}`);
    }
    return { concurrency, perSecond };
  } finally {
    await rivals.stop();
    await reused.close();
    await ours.close();
  }
}

function measureSlice({ ours, reused, rivals }: Kinds, kind: RateKind, lanes: number, sliceMs: number) {
  const [name] = kind.split(" ") as [(typeof what)[number] | "isolate"];
  if (name === "isolate") return rivals.perSecond("isolate", lanes, sliceMs);
  if (name === "jobs") return rateOf(ours, () => ours.run(), lanes, sliceMs);
  if (name === "reused") return reusedRateOf(reused, lanes, sliceMs);
  if (name === "spawns") return rateOf(ours, () => spawnOne(ours), lanes, sliceMs);
  return rateOf(ours, () => spawnBare(name === "node" ? nodeProgram : unwalledProgram), lanes, sliceMs);
}

/** How often `one` can be done in a second, in so many lanes, with the shelf of warm executors full before and after. */
export async function rateOf(
  ours: BenchRuntime,
  one: () => Promise<unknown>,
  lanes: number,
  sliceMs: number,
): Promise<number> {
  await ours.warmed();
  const start = machineMs();
  let count = 0;
  const lane = async () => {
    while (machineMs() < start + sliceMs) {
      await one();
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await ours.warmed();
  return (count * 1_000) / (machineMs() - start);
}

/** The same, once so many executors have served a run: those of the slice before may have waited too long, and be gone. */
export async function reusedRateOf(reused: BenchRuntime, lanes: number, sliceMs: number): Promise<number> {
  await Promise.all(Array.from({ length: lanes }, () => reused.run()));
  return rateOf(reused, () => reused.run(), lanes, sliceMs);
}

/** The executor command behind the same layers, until it is ready. Of a class that nobody keeps warm. */
async function spawnOne({ runtime, executorClass }: BenchRuntime): Promise<void> {
  const executor = await runtime.pool.take({ ...executorClass, cpuMs: executorClass.cpuMs - 1 });
  await executor.kill(5_000);
}

/** Until it says something; then it is killed. */
async function spawnBare(program: string): Promise<void> {
  const child = spawn(process.execPath, ["-e", program], {
    cwd: import.meta.dirname,
    env: {},
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  await Promise.race([new Promise((resolve) => child.stdout.once("data", resolve)), gone]);
  child.kill("SIGKILL");
  await gone;
}
