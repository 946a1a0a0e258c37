// A supervisor to be looked at. Told {runs, scratch}: runs that many trivial jobs, then says what it and its warm
// executors take (proc(5), smaps_rollup).
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { readStat } from "../../runtime/adapters/system/proc.ts";
import { endWithParent, sayToParent } from "./child.ts";
import type { Memory } from "./memory.ts";
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
  sayToParent({ runs, supervisor, executors } satisfies Memory);
});

function memoryOf(pid: number): { rssBytes: number; privateBytes: number | null } {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1]) * 1_024;
    return { rssBytes: bytes("Rss"), privateBytes: bytes("Private_Clean") + bytes("Private_Dirty") };
  } catch {
    return { rssBytes: readStat(pid)?.rssBytes ?? 0, privateBytes: null }; // another user's process
  }
}
