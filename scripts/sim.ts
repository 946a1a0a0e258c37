// Plays simulated histories: test/sim with more seeds, with one seed to see a failure again, or with a planted fault that
// must be found. Seeds are shared out among threads; each is played by itself, and says the same wherever it is played.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type History, playHistory } from "../test/sim/history.ts";
import { plants } from "../test/sim/plants.ts";

const help = `Plays histories of supervisors that crash, stall and are believed dead, of issuers that are slow, down, and lose or repeat
what is said to them, of full disks and clocks that jump, in one process and in simulated time, and looks after each step
whether the invariants of the threat list hold.

  npm run sim -- [--seeds 1000] [--from 1] [--plant <fault>]
  npm run sim -- --seed <n> [--plant <fault>]      one history, told step by step

Faults to plant: ${Object.keys(plants).join(", ")}
Exit codes: 0 nothing was found, 1 an invariant broke (the seed is printed), 2 usage. With --plant, 0 is that it was found.
`;

interface Share {
  seeds: number[];
  plant: string | undefined;
}

interface Options {
  seeds: number;
  from: number;
  seed: number | undefined;
  plant: string | undefined;
}

function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "1000" },
      from: { type: "string", default: "1" },
      seed: { type: "string" },
      plant: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const whole = (name: string, text: string) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: needed a whole number from 1`);
    return value;
  };
  if (values.plant !== undefined && !Object.hasOwn(plants, values.plant))
    throw new Error(`--plant: needed one of ${Object.keys(plants).join(", ")}`);
  return {
    seeds: whole("seeds", values.seeds),
    from: whole("from", values.from),
    seed: values.seed === undefined ? undefined : whole("seed", values.seed),
    plant: values.plant,
  };
}

const plantOf = (name: string | undefined) => (name === undefined ? {} : (plants[name] ?? {}));

/** Stops the other threads at the first history in which a planted fault is found. */
async function playAll({ seeds, from, plant }: Options): Promise<History[]> {
  const all = Array.from({ length: seeds }, (_, index) => from + index);
  const threads = Math.min(availableParallelism(), seeds);
  const histories: History[] = [];
  const workers = Array.from({ length: threads }, (_, thread) => {
    const share: Share = { seeds: all.filter((_seed, index) => index % threads === thread), plant };
    return new Worker(new URL(import.meta.url), { workerData: share });
  });
  const ended = workers.map(
    (worker) =>
      new Promise<void>((resolve, reject) => {
        worker.on("message", (history: History) => {
          histories.push(history);
          for (const what of history.violations) process.stdout.write(`seed ${history.seed}: ${what}\n`);
          if (histories.length % 100 === 0) process.stderr.write(`${histories.length} of ${seeds}\n`);
          if (plant !== undefined && history.violations.length > 0) for (const each of workers) void each.terminate();
        });
        worker.once("error", reject);
        worker.once("exit", () => resolve());
      }),
  );
  await Promise.all(ended);
  return histories;
}

async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) {
    process.stdout.write(help);
    return 0;
  }
  const { seed, plant } = options;
  const beganAt = performance.now();
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  const histories =
    seed === undefined ? await playAll(options) : [await playHistory(seed, { plant: plantOf(plant), say })];
  const sum = (of: (history: History) => number) => histories.reduce((total, history) => total + of(history), 0);
  const broken = histories.filter(({ violations }) => violations.length > 0);
  process.stdout.write(
    `${histories.length} histories in ${((performance.now() - beganAt) / 1_000).toFixed(1)} s: ${sum(({ steps }) => steps)} steps, ` +
      `${sum(({ runs }) => runs)} runs, ${sum(({ credentials }) => credentials)} credentials, ${sum(({ faults }) => faults)} faults; ` +
      `${broken.length === 0 ? "all invariants held" : `broken in ${broken.length}, first seed ${Math.min(...broken.map((each) => each.seed))}`}\n`,
  );
  return broken.length > 0 === (plant !== undefined) ? 0 : 1;
}

if (isMainThread) {
  main().then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      process.stderr.write(`sim: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = 2;
    },
  );
} else {
  const { seeds, plant } = workerData as Share;
  for (const seed of seeds) parentPort?.postMessage(await playHistory(seed, { plant: plantOf(plant) }));
}
