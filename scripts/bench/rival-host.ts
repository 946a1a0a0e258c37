// The other ways to run a trivial job, each measured from nothing to its result, in a process of their own: the
// supervisor never loads isolated-vm. Told what rivals.ts says, one order after another. Its peers' processes end with it.
import { endWithParent, sayToParent } from "./child.ts";
import type { Rival, RivalAnswer, RivalName, RivalOrder, RivalParts } from "./rivals.ts";
import { machineMs } from "./stats.ts";

const open: Record<RivalName, (parts: RivalParts) => Promise<Rival>> = {
  isolate: async () => (await import("./rivals/node.ts")).openIsolates(),
  fork: async (parts) => (await import("./rivals/node.ts")).openForks(parts),
  worker: async () => (await import("./rivals/node.ts")).openWorkers(),
  workerd: async (parts) => (await import("./rivals/workerd.ts")).openLoader(parts),
  "workerd process": async (parts) => (await import("./rivals/workerd.ts")).openProcesses(parts),
  "deno run": async (parts) => (await import("./rivals/deno.ts")).openRuns(parts),
  "deno worker": async (parts) => (await import("./rivals/deno.ts")).openWorkers(parts),
  "secure-exec": async (parts) => (await import("./rivals/secure-exec.ts")).openSecureExec(parts),
  quickjs: async (parts) => (await import("./rivals/quickjs.ts")).openContexts(parts),
  "quickjs module": async (parts) => (await import("./rivals/quickjs.ts")).openModules(parts),
};

const opened = new Map<RivalName, Rival>();

async function rivalOf(kind: RivalName, parts: RivalParts): Promise<Rival> {
  const rival = opened.get(kind) ?? (await open[kind](parts));
  opened.set(kind, rival);
  return rival;
}

/** Counts what ends within the time, and goes on to the end of what has begun. */
async function rateOf(rival: Rival, lanes: number, forMs: number): Promise<number> {
  const start = machineMs();
  let count = 0;
  const lane = async () => {
    while (machineMs() < start + forMs) {
      await rival.run();
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return (count * 1_000) / (machineMs() - start);
}

async function perform(order: RivalOrder): Promise<RivalAnswer> {
  if (order.kind === "close") {
    for (const rival of opened.values()) await rival.close();
    opened.clear();
    return { closed: true };
  }
  const rival = await rivalOf(order.kind, order.parts);
  if (order.lanes === undefined) return { ms: await rival.run() };
  return { perSecond: await rateOf(rival, order.lanes, order.forMs) };
}

endWithParent();
process.on("message", async (order: RivalOrder) => {
  sayToParent(
    await perform(order).catch((error: Error) => ({ error: `${order.kind}: ${error.message}` }) satisfies RivalAnswer),
  );
});
