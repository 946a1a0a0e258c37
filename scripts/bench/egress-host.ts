// A supervisor whose job makes requests, and plain undici in the same process. Told {url, scratch}, it opens and says so;
// told {kind, count}, it does that and says {ms, rssGrowthBytes, executorBytes}: what its own resident set and the
// executor's grew by at the most.
import { Pool } from "undici";
import { endWithParent, sayToParent } from "./child.ts";
import { machineMs, makeChance } from "./stats.ts";
import { type BenchRuntime, openBenchRuntime } from "./world.ts";

const sampleMs = 5;

export interface EgressOrder {
  kind: "undici" | "requests" | "down" | "up";
  count: number;
}

export interface EgressAnswer {
  ms: number;
  rssGrowthBytes: number;
  executorBytes: number;
}

async function openOurs(url: string, scratch: string): Promise<BenchRuntime> {
  const limits = {
    requestBody: "2GiB",
    responseBody: "2GiB",
    requests: 1_000_000,
    calls: 10_000_000,
    wall: "10m",
    cpu: "10m",
    requestTime: "10m",
  } as const;
  const bench = { quick: true, chance: makeChance(1), scratch, say: () => {} };
  return openBenchRuntime(bench, "egress", {
    jobs: { proxied: { entry: "./jobs/proxied.ts", network: { allow: [`GET,POST ${url}/*`] }, limits } },
  });
}

async function plain(pool: Pool, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const { body } = await pool.request({ path: "/small", method: "GET" });
    await body.text();
  }
}

endWithParent();
process.once("message", async ({ url, scratch }: { url: string; scratch: string }) => {
  const ours = await openOurs(url, scratch);
  const pool = new Pool(url, { pipelining: 1, connections: 1 });
  const perform = async ({ kind, count }: EgressOrder): Promise<number> => {
    if (kind !== "undici") return (await ours.run({ url, kind, count })).record.usage.memoryBytesPeak;
    await plain(pool, count);
    return 0;
  };
  process.on("message", async (order: EgressOrder) => {
    await ours.warmed();
    globalThis.gc?.();
    const before = process.memoryUsage.rss();
    let most = before;
    const sampling = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss());
    }, sampleMs);
    const start = machineMs();
    const executorBytes = await perform(order);
    clearInterval(sampling);
    sayToParent({ ms: machineMs() - start, rssGrowthBytes: most - before, executorBytes } satisfies EgressAnswer);
  });
  sayToParent({ ready: true });
});
