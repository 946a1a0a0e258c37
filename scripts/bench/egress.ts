// (e) What egress adds to a request on loopback, beside plain undici in the same process, and what a large body costs in
// memory. A request's time is the time between two arrivals at the server, one request after another, so that the
// coarse clock of the guest plays no part. The two kinds take turns in batches.
import { type Child, startChild } from "./child.ts";
import type { EgressAnswer, EgressOrder } from "./egress-host.ts";
import { shuffled } from "./stats.ts";
import type { Bench } from "./world.ts";

export interface Egress {
  /** ms a request. */
  undici: number[];
  ours: number[];
  streams: Record<"down" | "up", { bytes: number; answer: EgressAnswer }>;
}

export async function measureEgress(bench: Bench): Promise<Egress> {
  const origin = startChild("origin-host.ts");
  const host = startChild("egress-host.ts");
  try {
    const { port } = await origin.hear<{ port: number }>();
    host.tell({ url: `http://127.0.0.1:${port}`, scratch: bench.scratch });
    await host.hear();
    const found = await measureRequests(bench, origin, host);
    const bytes = (bench.quick ? 16 : 1_024) * 1_048_576;
    const stream = async (kind: "down" | "up") => {
      bench.say(`streams ${bytes / 1_048_576} MiB ${kind}`);
      return { bytes, answer: await perform(host, { kind, count: bytes }) };
    };
    return { ...found, streams: { down: await stream("down"), up: await stream("up") } };
  } finally {
    await host.stop();
    await origin.stop();
  }
}

async function measureRequests(bench: Bench, origin: Child, host: Child): Promise<Pick<Egress, "undici" | "ours">> {
  const found = { undici: [] as number[], ours: [] as number[] };
  const rounds = bench.quick ? 2 : 12;
  const count = bench.quick ? 20 : 200;
  for (let round = -1; round < rounds; round += 1) {
    for (const kind of shuffled(["undici", "requests"] as const, bench.chance)) {
      await perform(host, { kind, count });
      origin.tell({});
      const { arrivals } = await origin.hear<{ arrivals: number[] }>();
      // The first few find a connection and cold code.
      const gaps = arrivals.slice(1).map((at, index) => at - (arrivals[index] as number));
      if (round >= 0) found[kind === "undici" ? "undici" : "ours"].push(...gaps.slice(10));
    }
    bench.say(`egress ${Math.max(0, round + 1)}/${rounds}`);
  }
  return found;
}

async function perform(host: Child, order: EgressOrder): Promise<EgressAnswer> {
  host.tell(order);
  return host.hear<EgressAnswer>();
}
