// A runtime for the benchmark: the real one, in this process, with jobs from jobs/ and its state in a directory of its
// own. Notes when each step of a run was told, and waits for warm executors before the next one, where that is asked.
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { openRuntime, type Runtime, type World } from "../../runtime/compose.ts";
import { parseConfig, type SandboxConfig } from "../../runtime/config.ts";
import { executorClassOf } from "../../runtime/core/scheduler/run.ts";
import type { RunRecord } from "../../runtime/model/run.ts";
import type { RunEvent } from "../../runtime/model/run-event.ts";
import type { ExecutorClass } from "../../runtime/ports/executor-process.ts";
import { machineMs } from "./stats.ts";

export interface Bench {
  quick: boolean;
  chance: () => number;
  /** The benchmark's own directory, empty at first. */
  scratch: string;
  /** One line of progress. */
  say(text: string): void;
}

/** When each step of one run was told, ms of `machineMs`. `teardown.<step>` for the steps of the teardown. */
export type Timeline = Readonly<Record<string, number>>;

export interface MeasuredRun {
  record: RunRecord;
  at: Timeline;
}

export interface BenchRuntime {
  runtime: Runtime;
  /** What the executors of its (only) job are. */
  executorClass: ExecutorClass;
  /** From submission to the end of its teardown. Rejects for a run that did not succeed: it would measure nothing. */
  run(input?: unknown): Promise<MeasuredRun>;
  /** Resolves when all executors that are to be kept warm are. */
  warmed(): Promise<void>;
  close(): Promise<void>;
}

const warmedWithinMs = 30_000;

export async function openBenchRuntime(
  { scratch }: Bench,
  name: string,
  options: Omit<SandboxConfig, "state"> & { world?: World; onEvent?: (event: RunEvent) => void },
): Promise<BenchRuntime> {
  const { world, onEvent, ...words } = options;
  const directory = import.meta.dirname;
  const state = join(scratch, name);
  const config = parseConfig({ ...words, state }, { directory, path: join(directory, "sandbox.config.ts") });
  const [spec] = Object.values(config.jobs);
  if (spec === undefined) throw new RangeError("a benchmark needs a job");
  const timelines = new Map<string, Record<string, number>>();
  const runtime = await openRuntime({
    config,
    role: "start",
    osSandbox: "preferred",
    env: process.env,
    onEvent(event) {
      note(timelines, event);
      onEvent?.(event);
    },
    onWarning: warnOnce,
    ...(world === undefined ? {} : { world }),
  });
  const executorClass = executorClassOf(spec);

  return {
    runtime,
    executorClass,
    async run(input = null) {
      const submit = machineMs();
      const submission = { job: spec.name, input: JSON.stringify(input), trigger: { kind: "submit" } as const };
      const { id, done } = await runtime.scheduler.submit(submission);
      const record = await done;
      const at = { submit, ...timelines.get(id) };
      timelines.delete(id);
      if (record.state === "succeeded") return { record, at };
      throw new Error(`a measured run ended as ${record.state}: ${record.error?.message ?? "without an error"}`);
    },
    async warmed() {
      const until = machineMs() + warmedWithinMs;
      while (runtime.pool.warm().ready < config.executor.warm || runtime.pool.warm().warming > 0) {
        if (machineMs() > until) throw new Error(`no warm executors within ${warmedWithinMs} ms`);
        await pause(2);
      }
    },
    async close() {
      await runtime.scheduler.drain(5_000);
      await runtime.close();
    },
  };
}

const warned = new Set<string>();

function warnOnce(message: string): void {
  if (!warned.has(message)) process.stderr.write(`bench: ${message}\n`);
  warned.add(message);
}

function note(timelines: Map<string, Record<string, number>>, event: RunEvent): void {
  const at = timelines.get(event.runId) ?? {};
  timelines.set(event.runId, at);
  at[event.type === "teardown" ? `teardown.${event.step}` : event.type] ??= machineMs();
}
