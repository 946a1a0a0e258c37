// (d) What a warm executor and an idle supervisor take, and what 1, 10 and 100 runs take at once. Each supervisor that is
// looked at is a process of its own (memory-host.ts, crowd-host.ts), which has done nothing else.
import { startChild } from "./child.ts";
import type { ProcessMemory } from "./proc.ts";
import type { Bench } from "./world.ts";

export interface Memory {
  runs: number;
  supervisor: ProcessMemory & { heapBytes: number };
  executors: ProcessMemory[];
  crowds: Crowd[];
}

/** Bytes, with so many runs at once. */
export interface Crowd {
  atOnce: number;
  /** The supervisor's resident set before the first run, and with all of them. */
  idleRssBytes: number;
  supervisorRssBytes: number;
  /** Of all processes below the supervisor: executors, and what holds their walls up. Each with its part of what is shared. */
  executorsBytes: number;
  /** False: what is shared was counted for each, since the kernel doesn't tell. */
  isExact: boolean;
}

export async function measureMemory(bench: Bench): Promise<Memory> {
  const { scratch } = bench;
  const seen = await ask<Omit<Memory, "crowds">>("memory-host.ts", { runs: bench.quick ? 3 : 50, scratch });
  const crowds: Crowd[] = [];
  for (const atOnce of bench.quick ? [1, 3] : [1, 10, 100]) {
    crowds.push(await ask<Crowd>("crowd-host.ts", { atOnce, scratch }));
    bench.say(`memory of ${atOnce} at once`);
  }
  return { ...seen, crowds };
}

async function ask<Answer>(program: string, order: object): Promise<Answer> {
  const host = startChild(program);
  try {
    host.tell(order);
    return await host.hear<Answer>();
  } finally {
    await host.stop();
  }
}
