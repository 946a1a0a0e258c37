// Executors that the config lets serve more than one run: the next run of the same job, with the same bundle and of the same
// tenant, gets a fresh isolate in the same process (`renew`). Off by default: whoever gets out of the isolate is then still
// there for the next run of that job, though never for anybody else's.
//
//   given back   its run has ended well → renewed → waits here, under its run's key → taken, or ended when nobody comes
//   retired      anything else: killed by whoever has it. So is one that has served its number, whose memory has grown, or whose
//                processor time would meet its limit in the next run.
import type { Clock } from "../../ports/clock.ts";
import type { ExecutorClass, ExecutorProcess } from "../../ports/executor-process.ts";
import { isRunning, readStat } from "./proc.ts";
import { cpuSecondsMax } from "./sandbox.ts";

export interface ReuseOptions {
  /** Runs of one executor, the first included. */
  runsMax: number;
  /** That wait, of one key. */
  idleMax: number;
}

/** Waits as long as a job that comes every few seconds needs, ms: each holds some 50 MiB. */
const idleMs = 30_000;
/** A fresh isolate takes 10 ms; a process that is stuck is killed instead. */
const renewMs = 1_000;
/** What V8 and the C library keep of one run and use for the next, bytes; beyond it something grows. */
const driftBytesMax = 32 * 1_048_576;

interface Idle {
  executor: ExecutorProcess;
  cancel: () => void;
}

export interface Reuse {
  take(key: string): ExecutorProcess | undefined;
  /** Whether it was kept: it is renewed then, and its run's no more. */
  giveBack(executor: ExecutorProcess, wanted: ExecutorClass, key: string): Promise<boolean>;
  close(): Promise<void>;
}

export function makeReuse({ runsMax, idleMax }: ReuseOptions, clock: Clock): Reuse {
  const waiting = new Map<string, Idle[]>();
  const served = new WeakMap<ExecutorProcess, { runs: number; firstRssBytes: number }>();
  let closed = false;

  function take(key: string): ExecutorProcess | undefined {
    const idle = waiting.get(key);
    for (let next = idle?.pop(); next !== undefined; next = idle?.pop()) {
      next.cancel();
      if (idle?.length === 0) waiting.delete(key);
      if (isRunning(next.executor.pid, next.executor.startTicks)) return next.executor;
    }
    return undefined;
  }

  async function giveBack(executor: ExecutorProcess, wanted: ExecutorClass, key: string): Promise<boolean> {
    const runs = (served.get(executor)?.runs ?? 0) + 1;
    if (closed || runs >= runsMax || (waiting.get(key)?.length ?? 0) >= idleMax) return false;
    if (!(await executor.renew(renewMs))) return false;
    const stat = readStat(executor.pid);
    if (closed || stat === undefined || stat.startTicks !== executor.startTicks) return false;
    const firstRssBytes = served.get(executor)?.firstRssBytes ?? stat.rssBytes;
    if (stat.rssBytes > firstRssBytes + driftBytesMax) return false;
    if (stat.cpuMs + wanted.cpuMs > cpuSecondsMax(wanted) * 1_000) return false;
    served.set(executor, { runs, firstRssBytes });
    wait(executor, key);
    return true;
  }

  function wait(executor: ExecutorProcess, key: string): void {
    const idle = waiting.get(key) ?? [];
    const entry = { executor, cancel: clock.setTimer(idleMs, () => void drop(key, entry).executor.kill(5_000)) };
    waiting.set(key, [...idle, entry]);
    void executor.exited.then(() => drop(key, entry).cancel());
  }

  function drop(key: string, entry: Idle): Idle {
    const left = (waiting.get(key) ?? []).filter((each) => each !== entry);
    if (left.length === 0) waiting.delete(key);
    else waiting.set(key, left);
    return entry;
  }

  return {
    take,
    giveBack,
    async close() {
      closed = true;
      const all = [...waiting.values()].flat();
      waiting.clear();
      await Promise.all(
        all.map(({ executor, cancel }) => {
          cancel();
          return executor.kill(5_000);
        }),
      );
    },
  };
}
