// A supervisor to be looked at. Told {runs, scratch}: runs that many trivial jobs, then says what it and its warm
// executors take (proc(5), smaps_rollup).
import { setTimeout as pause } from "node:timers/promises";
import { endWithParent, sayToParent } from "./child.ts";
import type { Memory } from "./memory.ts";
import { memoryOf } from "./proc.ts";
import { makeChance } from "./stats.ts";
import { openBenchRuntime } from "./world.ts";

const executorsLookedAt = 3;
const idleMs = 500; // for what the collector does when nobody asks for anything

endWithParent();
process.once("message", async ({ runs, scratch }: { runs: number; scratch: string }) => {
  const bench = { quick: true, chance: makeChance(1), scratch, say: () => {} };
  const ours = await openBenchRuntime(bench, "memory", { jobs: { trivial: { entry: "./jobs/trivial.ts" } } });
  const executors: Memory["executors"] = [];
  for (let run = 0; run < runs; run += 1) await ours.run();
  await ours.warmed();
  await pause(idleMs);
  const supervisor = { ...memoryOf(process.pid), heapBytes: process.memoryUsage().heapUsed };
  for (let index = 0; index < executorsLookedAt; index += 1) {
    await ours.warmed();
    const executor = await ours.runtime.pool.take(ours.executorClass);
    executors.push(memoryOf(executor.pid));
    await executor.kill(5_000);
  }
  await ours.close();
  sayToParent({ runs, supervisor, executors } satisfies Omit<Memory, "crowds">);
});
