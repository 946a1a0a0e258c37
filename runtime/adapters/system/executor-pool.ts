// Warm executors: each made for one run and handed out once, unless the config says otherwise (executor-reuse.ts). How many
// wait follows what is asked for (warm-demand.ts). Refilling waits until no run is being launched or taken down, since making
// one costs this process some milliseconds and a core for some 40.
import { MayflyError } from "../../model/error.ts";
import { descriptorsPerRun } from "../../model/limits.ts";
import type { Layer } from "../../model/run.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ExecutorClass, ExecutorPool, ExecutorProcess } from "../../ports/executor-process.ts";
import { makeBufferCollector } from "./buffer-collector.ts";
import type { FoundCgroups } from "./cgroup.ts";
import { descriptorsForWork } from "./descriptors.ts";
import type { ExecutorFiles } from "./executor-files.ts";
import { makeReuse, type ReuseOptions } from "./executor-reuse.ts";
import { inheritableDescriptors, isRunning, readDataBytes } from "./proc.ts";
import { planSandbox, type Sandbox } from "./sandbox.ts";
import { spawnExecutor } from "./sandboxed-process.ts";
import { makeWarmDemand, type WarmDemand } from "./warm-demand.ts";

/** How often CPU time and memory of launched executors are read, ms: at 2 GB/s of page faults it bounds what is missed to 50 MB. */
const sampleEveryMs = 25;
/** Executors that are being made at the same time. */
const warmingMax = 2;
const lessenEveryMs = 10_000;
/** Refilling waits until no executor was taken or has ended for this long, ms: a trivial run takes less than that. */
const quietMs = 20;
/** Yet no longer than this, ms: under steady load there is no quiet moment. The first when nothing is ready any more. */
const quietWaitMsMax = { empty: 60, stocked: 1_000 };

/** Between executors of one machine, in what counts under RLIMIT_DATA, bytes: a thread's stack, an arena, what a job's start adds. */
const dataRoomBytes = 24 * 1_048_576;

export interface PoolOptions {
  files: ExecutorFiles;
  cgroups: FoundCgroups;
  clock: Clock;
  /** PATH of the supervisor, where bubblewrap and util-linux are looked for. */
  path: string;
  /** `required`: an executor with a missing layer is an error. */
  osSandbox: "required" | "preferred";
  /** Unique among processes of this installation. */
  owner: string;
  /** Of one class, that wait for a run where many are asked for at once. Absent: no more than `keepWarm` says. */
  warmMax?: number;
  /** Executors for more than one run of a job. Absent or null: each for one. */
  reuse?: ReuseOptions | null;
  /** For the operator: a layer that turned out to be missing. */
  onWarning: (message: string) => void;
}

export interface SandboxedPool extends ExecutorPool {
  layers(): readonly Layer[];
  /** Executors that wait for a run, and those that are being made to wait for one. */
  warm(): { ready: number; warming: number };
}

interface Shelf {
  wanted: ExecutorClass;
  /** What to keep ready at least; 0: none is kept any more. */
  count: number;
  demand: WarmDemand;
  ready: ExecutorProcess[];
  warming: number;
  /** Runs that wait for one that is warming: first come, first served. */
  waiting: ((executor: ExecutorProcess | undefined) => void)[];
}

export function makeExecutorPool(options: PoolOptions): SandboxedPool {
  let sandbox = planSandbox(options);
  const inheritable = inheritableDescriptors();
  const shelves = new Map<string, Shelf>();
  const { clock } = options;
  let cancelLessening: (() => void) | undefined;
  const samples = new Set<() => void>();
  let sampler: NodeJS.Timeout | undefined;
  const passed = makeBufferCollector();
  let made = 0;
  let closed = false;
  let failuresInARow = 0;
  /** An executor was ready behind bubblewrap: it works on this machine. */
  let hasStood = false;
  /** Of the first ready executor, with room; until then the plan's own figure, which is too wide to bound much. */
  let dataBaselineBytes: number | undefined;
  let refilling: { timer: NodeJS.Timeout; sinceMs: number } | undefined;
  /** Executors that were taken and have not ended, nor been given back. */
  const inUse = new Set<ExecutorProcess>();
  const reuse = options.reuse ? makeReuse(options.reuse, clock) : undefined;

  const sampling = (sample: () => void) => {
    samples.add(sample);
    sampler ??= setInterval(() => {
      for (const each of [...samples]) each();
    }, sampleEveryMs);
    return () => {
      samples.delete(sample);
      if (samples.size > 0) return;
      clearInterval(sampler);
      sampler = undefined;
    };
  };

  function requireLayers(): void {
    if (options.osSandbox !== "required" || sandbox.complete) return;
    const missing = sandbox.layers.filter((layer) => !layer.armed);
    throw new MayflyError({
      code: "sandbox_required",
      message: `the operating system's sandbox is incomplete: ${missing.map((layer) => layer.name).join(", ")}`,
      found: missing.map((layer) => `${layer.name}: ${layer.detail}`).join("; "),
      needed: 'every layer, since executor.osSandbox is "required"',
      next: missing.map((layer) => layer.hint).find((hint) => hint !== undefined) ?? "run `mayfly doctor`",
    });
  }

  async function spawn(wanted: ExecutorClass): Promise<ExecutorProcess> {
    requireLayers();
    try {
      return await spawnWith(sandbox, wanted);
    } catch (error) {
      if (!sandbox.nested || closed) throw error;
      return spawnAgain(wanted);
    }
  }

  // Once more behind the same walls: a busy machine may have been too slow. bubblewrap is installed and may yet be
  // forbidden here (no user namespaces): then without it, aloud. Walls that have stood once don't come down any more: what
  // fails then is the making of an executor.
  async function spawnAgain(wanted: ExecutorClass): Promise<ExecutorProcess> {
    dataBaselineBytes = undefined; // should it have been too little
    try {
      return await spawnWith(sandbox, wanted);
    } catch (error) {
      if (hasStood) throw error;
      const bwrapBroken = (error as MayflyError).found ?? "unknown reason";
      const without = planSandbox({ ...options, bwrapBroken });
      const executor = await spawnWith(without, wanted);
      sandbox = without;
      options.onWarning(`bubblewrap is installed but doesn't work here: ${bwrapBroken}`);
      if (options.osSandbox === "required") await executor.kill(5_000);
      requireLayers();
      return executor;
    }
  }

  async function spawnWith(plan: Sandbox, wanted: ExecutorClass): Promise<ExecutorProcess> {
    made += 1;
    const cgroup =
      "cgroups" in options.cgroups
        ? options.cgroups.cgroups.make(`${options.owner}-${made}`, plan.cgroupLimits(wanted))
        : undefined;
    const executor = await spawnExecutor({
      sandbox: plan,
      wanted,
      cgroup,
      dataBaselineBytes,
      layers: plan.layers,
      clock,
      inheritable,
      sampling,
      passed,
    });
    failuresInARow = 0;
    hasStood ||= plan.nested;
    const dataBytes = dataBaselineBytes === undefined ? readDataBytes(executor.pid) : undefined;
    if (dataBytes !== undefined) dataBaselineBytes = dataBytes + dataRoomBytes;
    return executor;
  }

  function refill(shelf: Shelf): void {
    if (closed || failuresInARow > 3 || descriptorsForWork() < descriptorsPerRun) return;
    lessenLater(shelf);
    const missing = wantedOf(shelf) - shelf.ready.length - shelf.warming;
    for (let index = 0; index < Math.min(missing, warmingMax - shelf.warming); index += 1) void warm(shelf);
  }

  const wantedOf = ({ count, demand }: Shelf) => (count === 0 ? 0 : demand.wanted());

  /** What was kept for bursts that don't come any more. */
  function lessen(): void {
    cancelLessening = undefined;
    for (const shelf of shelves.values()) {
      for (const executor of shelf.ready.splice(wantedOf(shelf))) void executor.kill(5_000);
      lessenLater(shelf);
    }
  }

  function lessenLater(shelf: Shelf): void {
    if (wantedOf(shelf) > shelf.count) cancelLessening ??= clock.setTimer(lessenEveryMs, lessen);
  }

  // Making an executor holds this process up for some milliseconds, and a run's end (the revocation) must not wait for
  // that: while another one is ready, refilling waits for the runs that go on.
  function refillWhenQuiet(): void {
    const nowMs = clock.monotonicMs();
    const isEmpty = [...shelves.values()].some((shelf) => shelf.count > 0 && shelf.ready.length === 0);
    const sinceMs = refilling?.sinceMs ?? nowMs;
    const leftMs = sinceMs + (isEmpty ? quietWaitMsMax.empty : quietWaitMsMax.stocked) - nowMs;
    clearTimeout(refilling?.timer);
    const timer = setTimeout(refillAll, Math.max(0, inUse.size > 0 && !isEmpty ? leftMs : Math.min(quietMs, leftMs)));
    refilling = { timer: timer.unref(), sinceMs };
  }

  function refillAll(): void {
    refilling = undefined;
    for (const shelf of shelves.values()) refill(shelf);
  }

  async function warm(shelf: Shelf): Promise<void> {
    shelf.warming += 1;
    try {
      const executor = await spawn(shelf.wanted);
      const next = shelf.waiting.shift();
      if (next !== undefined) next(executor);
      else if (closed) await executor.kill(5_000);
      else shelve(shelf, executor);
    } catch (error) {
      failuresInARow += 1;
      const next = shelf.waiting.shift();
      // An incomplete sandbox is said once, by whoever takes an executor.
      const isSaid = error instanceof MayflyError && error.code === "sandbox_required";
      if (next !== undefined) next(undefined);
      else if (!isSaid) options.onWarning((error as Error).message);
    } finally {
      shelf.warming -= 1;
      refill(shelf);
    }
  }

  function shelve(shelf: Shelf, executor: ExecutorProcess): void {
    shelf.ready.push(executor);
    void executor.exited.then(() => {
      const at = shelf.ready.indexOf(executor);
      if (at >= 0) shelf.ready.splice(at, 1); // it died while it waited
    });
  }

  async function readyOne(wanted: ExecutorClass): Promise<ExecutorProcess> {
    const shelf = shelves.get(shelfKey(wanted));
    shelf?.demand.note();
    for (let executor = shelf?.ready.shift(); executor !== undefined; executor = shelf?.ready.shift()) {
      if (isRunning(executor.pid, executor.startTicks)) return executor;
    }
    if (shelf !== undefined && shelf.warming > shelf.waiting.length) {
      const executor = await new Promise<ExecutorProcess | undefined>((resolve) => shelf.waiting.push(resolve));
      if (executor !== undefined) return executor;
    }
    return spawn(wanted);
  }

  return {
    layers: () => sandbox.layers,
    warm: () => {
      const all = [...shelves.values()];
      const sum = (count: (shelf: Shelf) => number) => all.reduce((total, shelf) => total + count(shelf), 0);
      return { ready: sum((shelf) => shelf.ready.length), warming: sum((shelf) => shelf.warming) };
    },
    async take(wanted, reuseKey) {
      if (closed) throw new MayflyError({ code: "executor_unavailable", message: "the executor pool is closed" });
      const kept = reuseKey === undefined ? undefined : reuse?.take(reuseKey);
      const executor = kept ?? (await readyOne(wanted));
      inUse.add(executor);
      if (kept !== undefined) return kept;
      void executor.exited.then(() => {
        inUse.delete(executor);
        if (refilling !== undefined) refillWhenQuiet(); // its run is being taken down now: that too goes first
      });
      if (shelves.has(shelfKey(wanted))) refillWhenQuiet();
      return executor;
    },
    async giveBack(executor, wanted, reuseKey) {
      if (closed || reuse === undefined || !(await reuse.giveBack(executor, wanted, reuseKey))) return false;
      inUse.delete(executor);
      return true;
    },
    keepWarm(wanted, count) {
      const key = shelfKey(wanted);
      const demand = makeWarmDemand({ least: count, most: Math.max(count, options.warmMax ?? 0), clock });
      const shelf = shelves.get(key) ?? { wanted, count, demand, ready: [], warming: 0, waiting: [] };
      Object.assign(shelf, { count, demand });
      shelves.set(key, shelf);
      refill(shelf);
    },
    async close() {
      closed = true;
      cancelLessening?.();
      const all = [...shelves.values()].flatMap((shelf) => shelf.ready.splice(0));
      await Promise.all([reuse?.close(), ...all.map((executor) => executor.kill(5_000))]);
      while ([...shelves.values()].some((shelf) => shelf.warming > 0))
        await new Promise((resolve) => setTimeout(resolve, 5));
      if ("cgroups" in options.cgroups) await options.cgroups.cgroups.close();
    },
  };
}

function shelfKey(wanted: ExecutorClass): string {
  return `${wanted.memoryBytes}/${wanted.cpuMs}`;
}
