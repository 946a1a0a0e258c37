// (f) What each layer around an executor costs: the time from spawn to ready, with the layers added one after another. All
// stacks take turns, in an order that is mixed anew each time. A layer costs nothing once the executor is warm; what a
// start costs is what single use costs.
import { join } from "node:path";
import { findCgroups } from "../../runtime/adapters/system/cgroup.ts";
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import { type ExecutorFiles, prepareExecutorFiles } from "../../runtime/adapters/system/executor-files.ts";
import { planSandbox, type Sandbox } from "../../runtime/adapters/system/sandbox.ts";
import { spawnExecutor } from "../../runtime/adapters/system/sandboxed-process.ts";
import { machineMs, shuffled } from "./stats.ts";
import type { Bench } from "./world.ts";

export interface Layers {
  /** ms from spawn to ready, by stack, each with all layers of the one before it. */
  stacks: { name: string; readyMs: number[] }[];
}

interface Stack {
  name: string;
  sandbox: Sandbox;
  inCgroup: boolean;
}

const wanted = { memoryBytes: 64 * 1_048_576, cpuMs: 10_000 };

export async function measureLayers(bench: Bench): Promise<Layers> {
  const files = await prepareExecutorFiles(join(bench.scratch, "layers"));
  const found = findCgroups(`bench-${process.pid}`);
  const stacks = stacksOf(files, "cgroups" in found);
  const readyMs = new Map<string, number[]>(stacks.map(({ name }) => [name, []]));
  const rounds = bench.quick ? 2 : 40;
  try {
    for (let round = -2; round < rounds; round += 1) {
      for (const stack of shuffled(stacks, bench.chance)) {
        const ms = await startOne(stack, found, round);
        if (round >= 0) readyMs.get(stack.name)?.push(ms);
      }
      if (round % 10 === 0) bench.say(`layers ${Math.max(0, round)}/${rounds}`);
    }
  } finally {
    if ("cgroups" in found) await found.cgroups.close();
  }
  return { stacks: stacks.map(({ name }) => ({ name, readyMs: readyMs.get(name) ?? [] })) };
}

/** From nothing to what a run gets; those that this machine can't arm are left out. */
function stacksOf(files: ExecutorFiles, hasCgroups: boolean): Stack[] {
  const plan = (more: object = {}) =>
    planSandbox({ files, cgroups: { missing: "measured by itself" }, path: process.env.PATH ?? "", ...more });
  const plain = plan({ bwrapBroken: "left out, to be measured without" });
  const node = plain.command(wanted);
  const at = node.args.indexOf(files.node);
  const program = node.args.slice(at + 1);
  // By `env -i`, as the runtime does it: tools that trace a program add variables to what it spawns.
  const only = (args: string[]): Sandbox => ({
    ...plain,
    command: () => ({ file: "/usr/bin/env", args: ["-i", files.node, ...args] }),
  });
  const stacks: Stack[] = [
    {
      name: "one process, empty environment",
      sandbox: only(program.slice(program.indexOf(files.entry))),
      inCgroup: false,
    },
    { name: "+ Node's permission model", sandbox: only(program), inCgroup: false },
    { name: "+ rlimits, no-new-privs, own uid", sandbox: plain, inCgroup: false },
  ];
  const walled = plan({ noSeccomp: "left out, to be measured without" });
  if (walled.nested) stacks.push({ name: "+ namespaces, mount tree (bubblewrap)", sandbox: walled, inCgroup: false });
  const filtered = plan();
  if (filtered.seccomp !== undefined) stacks.push({ name: "+ seccomp", sandbox: filtered, inCgroup: false });
  if (hasCgroups) stacks.push({ name: "+ cgroup", sandbox: filtered, inCgroup: true });
  return stacks;
}

async function startOne(
  { name, sandbox, inCgroup }: Stack,
  found: ReturnType<typeof findCgroups>,
  round: number,
): Promise<number> {
  const group = `${name.replaceAll(/[^a-z]+/g, "")}-${round + 2}`;
  const cgroup = inCgroup && "cgroups" in found ? found.cgroups.make(group, sandbox.cgroupLimits(wanted)) : undefined;
  const start = machineMs();
  const executor = await spawnExecutor({
    sandbox,
    wanted,
    cgroup,
    layers: sandbox.layers,
    clock: systemClock,
    inheritable: [],
    sampling: () => () => {},
  });
  const ms = machineMs() - start;
  await executor.kill(5_000);
  return ms;
}
