// Puts the attacker (executor/attacker.ts) behind an executor's walls and hands back what it could do: behind all of
// them, or without Node's permission model, which would refuse most attempts before the operating system is asked.
// It leaves to cli/doctor what should have been refused.
import type { Layer } from "../../model/run.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ExecutorExit, ExecutorProcess } from "../../ports/executor-process.ts";
import { type Cgroup, findCgroups } from "./cgroup.ts";
import { type ExecutorFiles, withAttacker } from "./executor-files.ts";
import { firstChild, inheritableDescriptors, isRunning, parentOf, readStat } from "./proc.ts";
import { planSandbox, type Sandbox } from "./sandbox.ts";
import { spawnExecutor } from "./sandboxed-process.ts";

/** How long an orphan may take to die, ms: it is the kernel that ends it. */
const orphanMsMax = 5_000;
const lookEveryMs = 5;
/** A parent of its own for the executor, which does nothing but wait for it. */
const parentScript = '"$@" & wait';
/** Far more than the attempts take, ms. */
const patienceMs = 30_000;
const nobodyWatches = { sampling: () => () => {}, passed: () => {} };
const wanted = { memoryBytes: 32 * 1_048_576, cpuMs: 20_000 };

export interface InsideTrialParts {
  files: ExecutorFiles;
  /** PATH where bubblewrap and util-linux are looked for. */
  path: string;
  /** As the pool says: bubblewrap may be installed and not work. */
  layers: readonly Layer[];
  /** Names the control group. */
  installation: string;
  clock: Clock;
}

/** What became of one attacker: the word on each attempt, or how its process ended before it could say. */
export type InsideReport = { attempts: Readonly<Record<string, string>> } | { ended: ExecutorExit };

export interface InsideTrial {
  /**
   * Never rejects for what the walls refuse.
   * @param orders AttackOrders of executor/attacker.ts.
   * @throws MayflyError `executor_unavailable`.
   */
  attack(orders: object, options: { nodePermission: boolean }): Promise<InsideReport>;
  /** Kills the executor's parent, once the attacker has its orders; the attempt `orphan` says what became of it. */
  orphan(orders: object): Promise<InsideReport>;
}

export function makeInsideTrial({ path, layers, installation, clock, files }: InsideTrialParts): InsideTrial {
  const cgroups = findCgroups(`${installation}-inside`);
  const inheritable = inheritableDescriptors();
  const missing = layers.find(({ name, armed }) => name === "mount-tree" && !armed);
  let made = 0;

  const planned = async () =>
    planSandbox({
      files: await withAttacker(files),
      cgroups,
      path,
      ...(missing === undefined ? {} : { bwrapBroken: missing.detail }),
    });

  async function attack(orders: object, { nodePermission }: { nodePermission: boolean }): Promise<InsideReport> {
    const plan = await planned();
    const sandbox = nodePermission ? plan : withoutNodePermission(plan);
    const cgroup = groupFor(plan);
    const executor = await spawnExecutor({ sandbox, wanted, cgroup, layers, clock, inheritable, ...nobodyWatches });
    try {
      return await report(executor, orders, clock);
    } finally {
      await executor.kill(5_000);
      await closeCgroups();
    }
  }

  // The parent group is made when it is looked for.
  async function closeCgroups(): Promise<void> {
    if ("cgroups" in cgroups) await cgroups.cgroups.close();
  }

  function groupFor(plan: Sandbox): Cgroup | undefined {
    made += 1;
    return "cgroups" in cgroups ? cgroups.cgroups.make(`attacker-${made}`, plan.cgroupLimits(wanted)) : undefined;
  }

  async function orphan(orders: object): Promise<InsideReport> {
    const sandbox = withParent(await planned());
    const cgroup = undefined; // the parent would be in it
    const executor = await spawnExecutor({ sandbox, wanted, cgroup, layers, clock, inheritable, ...nobodyWatches });
    try {
      const said = await report(executor, orders, clock);
      return "ended" in said ? said : { attempts: { orphan: await killParent(executor.pid, clock) } };
    } finally {
      await executor.kill(5_000);
      await closeCgroups();
    }
  }

  return { attack, orphan };
}

function withParent(plan: Sandbox): Sandbox {
  return {
    ...plan,
    command: (which) => {
      const { file, args, ...owner } = plan.command(which);
      return { ...owner, file: "/bin/sh", args: ["-c", parentScript, "sh", file, ...args] };
    },
  };
}

/** @param pid the executor's, or its parent's where the executor is no first process of a namespace. */
async function killParent(pid: number, clock: Clock): Promise<string> {
  let parent = pid;
  for (let above = parentOf(parent); above !== process.pid; above = parentOf(parent)) {
    if (above <= 1) throw new Error("the executor's parent can't be found"); // whom else it would hit, nobody knows
    parent = above;
  }
  const executor = parent === pid ? (firstChild(pid) ?? pid) : pid;
  const startTicks = readStat(executor)?.startTicks ?? 0;
  process.kill(parent, "SIGKILL");
  const untilMs = clock.monotonicMs() + orphanMsMax;
  while (isRunning(executor, startTicks)) {
    if (clock.monotonicMs() > untilMs) {
      process.kill(executor, "SIGKILL");
      return "did: outlived its parent";
    }
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
  return "refused: dead";
}

function withoutNodePermission(plan: Sandbox): Sandbox {
  const isWall = (arg: string) => arg === "--permission" || arg.startsWith("--allow-");
  return {
    ...plan,
    command: (which) => {
      const command = plan.command(which);
      return { ...command, args: command.args.filter((arg) => !isWall(arg)) };
    },
  };
}

async function report(executor: ExecutorProcess, orders: object, clock: Clock): Promise<InsideReport> {
  const { promise, resolve } = Promise.withResolvers<InsideReport>();
  executor.onFrame(({ header, body }) => {
    if (header.type !== "done") return;
    resolve({ attempts: JSON.parse(Buffer.from(body).toString("utf8")) as Record<string, string> });
  });
  void executor.exited.then((ended) => resolve({ ended }));
  const cancel = clock.setTimer(patienceMs, () => void executor.kill(5_000));
  executor.send({ header: { type: "launch" }, body: Buffer.from(JSON.stringify(orders)) });
  try {
    return await promise;
  } finally {
    cancel();
  }
}
