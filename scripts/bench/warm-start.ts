// (a) From submission to result for a trivial job, on a warm executor, beside raw isolates, forks and workers. One of
// each is measured in turn, in an order that is mixed anew each time, so that what disturbs the machine disturbs all.
import { plainRivals, startRivals } from "./rivals.ts";
import { shuffled } from "./stats.ts";
import { type Bench, openBenchRuntime, type Timeline } from "./world.ts";

/** All in ms. */
export interface WarmStart {
  ours: number[];
  rivals: Record<(typeof plainRivals)[number], number[]>;
  /** Where the time of ours goes, from the first step of the life of a run to its last. */
  steps: Record<string, number[]>;
}

const kinds = ["ours", ...plainRivals] as const;
const warmupRounds = 5; // V8's own warming, of the supervisor and of the rivals' host

export async function measureWarmStart(bench: Bench): Promise<WarmStart> {
  const ours = await openBenchRuntime(bench, "warm-start", { jobs: { trivial: { entry: "./jobs/trivial.ts" } } });
  const rivals = startRivals({ scratch: bench.scratch, modules: "" });
  const found: WarmStart = { ours: [], rivals: { isolate: [], fork: [], worker: [] }, steps: {} };
  const rounds = bench.quick ? 4 : 120;
  try {
    for (let round = -warmupRounds; round < rounds; round += 1) {
      for (const kind of shuffled(kinds, bench.chance)) {
        await ours.warmed();
        if (kind === "ours") {
          const { at } = await ours.run();
          if (round >= 0) noteRun(found, at);
        } else {
          const ms = await rivals.ms(kind);
          if (round >= 0) found.rivals[kind].push(ms);
        }
      }
      if (round % 20 === 0) bench.say(`warm start ${Math.max(0, round)}/${rounds}`);
    }
    return found;
  } finally {
    await rivals.stop();
    await ours.close();
  }
}

const steps: readonly [name: string, from: string, to: string][] = [
  ["submit → accepted (durable)", "submit", "accepted"],
  ["accepted → launched (directory, record)", "accepted", "launched"],
  ["launched → result (pipe, isolate)", "launched", "result"],
  ["result → process gone", "result", "teardown.process"],
  ["process gone → directory gone", "teardown.process", "teardown.directory"],
  ["directory gone → ended (record)", "teardown.directory", "ended"],
];

function noteRun({ ours, steps: noted }: WarmStart, at: Timeline): void {
  ours.push(between(at, "submit", "result"));
  for (const [name, from, to] of steps) {
    noted[name] ??= [];
    noted[name].push(between(at, from, to));
  }
}

function between(at: Timeline, from: string, to: string): number {
  return (at[to] ?? Number.NaN) - (at[from] ?? Number.NaN);
}
