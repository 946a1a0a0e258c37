// A supervisor with many runs at once. Told {atOnce, scratch}: starts so many jobs that wait, and when all of them do, says
// what it and all processes below it take. No executor is kept warm: those that are there are those that run.
import { setTimeout as pause } from "node:timers/promises";
import { endWithParent, sayToParent } from "./child.ts";
import type { Crowd } from "./memory.ts";
import { memoryOf, processesBelow } from "./proc.ts";
import { makeChance } from "./stats.ts";
import { openBenchRuntime } from "./world.ts";

const idleMs = 500; // for what the collector does when nobody asks for anything

endWithParent();
process.once("message", async ({ atOnce, scratch }: { atOnce: number; scratch: string }) => {
  const bench = { quick: true, chance: makeChance(1), scratch, say: () => {} };
  const waiting = new Set<string>();
  const { promise: allWait, resolve } = Promise.withResolvers<void>();
  const ours = await openBenchRuntime(bench, `crowd-${atOnce}`, {
    executor: { warm: 0 },
    scheduler: { concurrency: atOnce },
    jobs: { waiting: { entry: "./jobs/waiting.ts", limits: { wall: "10m" } } },
    onEvent({ type, runId }) {
      if (type !== "log") return;
      waiting.add(runId);
      if (waiting.size === atOnce) resolve();
    },
  });
  await pause(idleMs);
  const idle = memoryOf(process.pid);
  const runs = Array.from({ length: atOnce }, () => ours.run());
  const broken = Promise.all(runs).then(() => Promise.reject(new Error("a job that was to wait has ended")));
  await Promise.race([allWait, broken]);
  await pause(idleMs);
  const supervisor = memoryOf(process.pid);
  const below = processesBelow(process.pid).map(memoryOf);
  broken.catch(() => {}); // they are ended now
  ours.runtime.scheduler.killAll("all was seen");
  await Promise.allSettled(runs);
  await ours.close();
  sayToParent({
    atOnce,
    idleRssBytes: idle.rssBytes,
    supervisorRssBytes: supervisor.rssBytes,
    executorsBytes: below.reduce((sum, { pssBytes, rssBytes }) => sum + (pssBytes ?? rssBytes), 0),
    isExact: below.every(({ pssBytes }) => pssBytes !== null),
  } satisfies Crowd);
});
