// (d) What a warm executor and an idle supervisor take. The supervisor that is looked at is a process of its own
// (memory-host.ts), which has done nothing but run trivial jobs.
import { startChild } from "./child.ts";
import type { Bench } from "./world.ts";

/** Bytes. Private: what the process would give back by ending; null where the kernel doesn't say. */
export interface Memory {
  runs: number;
  supervisor: { rssBytes: number; privateBytes: number | null; heapBytes: number };
  executors: { rssBytes: number; privateBytes: number | null }[];
}

export async function measureMemory(bench: Bench): Promise<Memory> {
  const runs = bench.quick ? 3 : 50;
  const host = startChild("memory-host.ts");
  try {
    host.tell({ runs, scratch: bench.scratch });
    return await host.hear<Memory>();
  } finally {
    await host.stop();
  }
}
