// A supervisor of its own process that is flooded (argv: the flood's name), beside a run that goes on. Prints how long its
// event loop stood still at most, what its memory grew by, and how the runs ended. With `blocking` it is the twin: an event's
// listener computes on the supervisor's own thread.
import { rmSync } from "node:fs";
import { impostor } from "../executor/impostor.ts";
import { openRuns } from "../support/runs.ts";
import { floods } from "./floods.ts";
import { watchGaps } from "./gaps.ts";

const [name = "", blocking] = process.argv.slice(2);
const { onLaunch, ...flood } = floods[name] ?? {};
const runs = await openRuns(
  { flood: { body: "", ...flood } },
  {
    // What the test itself would keep of results, lines and denials is no growth of the supervisor.
    forget: (event) => ["denied", "ended"].includes(event.type) || (event.type === "log" && event.text !== "here"),
    ...(onLaunch === undefined ? {} : { executorScript: impostor(onLaunch) }),
  },
);
/** Of the machine's time, not the wall's: what others take of it is no standing still. */
const cpuMs = (from: NodeJS.CpuUsage) => {
  const { user, system } = process.threadCpuUsage(from);
  return (user + system) / 1_000;
};
const collect = (globalThis as { gc?: () => void }).gc;
// V8 and the allocator give memory back in their own time: the least of some looks is what is held.
const settled = async () => {
  let rssBytes = Number.POSITIVE_INFINITY;
  for (let looks = 0; looks < 10; looks += 1) {
    collect?.();
    await new Promise((resolve) => setTimeout(resolve, 30));
    rssBytes = Math.min(rssBytes, process.memoryUsage.rss());
  }
  return rssBytes;
};

const flooding = async () => {
  const { error, state } = await runs.run("flood");
  return error?.code ?? state;
};
// What is compiled and opened once isn't growth, nor is V8's room for young objects, which it makes once.
for (let times = 0; times < 3; times += 1) await flooding();
const before = await settled();
let rssBytesPeak = before;
const look = setInterval(() => {
  rssBytesPeak = Math.max(rssBytesPeak, process.memoryUsage.rss());
}, 10);
const stop = watchGaps();
// A stand-in executor would stand in the neighbour's place too.
const neighbour = onLaunch === undefined ? await runs.neighbour() : undefined;
const ended = [await flooding(), await flooding()];
if (blocking !== undefined) for (const from = process.threadCpuUsage(); cpuMs(from) < 600; );
const kept = await neighbour?.done();
const longestMs = stop();
clearInterval(look);
const grownBytes = (await settled()) - before;
console.log(
  JSON.stringify({ longestMs, grownBytes, peakBytes: rssBytesPeak - before, ended, neighbour: kept?.state ?? "none" }),
);
await runs.runtime.close();
rmSync(runs.directory, { recursive: true });
