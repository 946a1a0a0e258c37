// How long a process didn't come round to its event loop. A gap counts against us only as far as an idle process beside
// ours had none at the same time: what stops both is the machine.
import { readFileSync } from "node:fs";
import { PerformanceObserver } from "node:perf_hooks";

export interface Gap {
  /** When it was over, ms since the epoch. */
  at: number;
  /** How much too late the tick was, ms. */
  ms: number;
  /** Of that: the event loop's thread was running, ms. */
  cpuMs: number;
  /** Of that: it could have run, and the machine was busy with others, ms. The rest it spent blocked in system calls. */
  queuedMs: number;
  /** Of that: V8 collected garbage, ms. */
  gcMs: number;
}

export interface GapMeter {
  /** Gaps of more than `keptMs`, oldest first. */
  gaps(): Gap[];
  stop(): void;
}

const everyMs = 10;
/** Shorter gaps say nothing, and thousands of them would be memory that the measured process seems to use. */
const keptMs = 50;
const keptMax = 20_000;
/** Shorter collections are no part of any gap worth a word. */
const collectionMs = 20;

export function makeGapMeter(): GapMeter {
  const gaps: Omit<Gap, "gcMs">[] = [];
  /** By the loop's own clock, ms. */
  const collections: { from: number; to: number }[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries())
      if (duration > collectionMs) collections.push({ from: startTime, to: startTime + duration });
  });
  observer.observe({ entryTypes: ["gc"] });
  let last = performance.now();
  let before = schedule();
  const timer = setInterval(() => {
    const now = performance.now();
    const ms = now - last - everyMs;
    last = now;
    const { cpuMs, queuedMs } = before;
    before = schedule();
    if (ms <= keptMs || gaps.length >= keptMax) return;
    gaps.push({
      at: performance.timeOrigin + now,
      ms,
      cpuMs: before.cpuMs - cpuMs,
      queuedMs: before.queuedMs - queuedMs,
    });
  }, everyMs);
  /** The part of a gap that collections took. They are told of later than they happen, hence not until it is asked. */
  const gcMsOf = ({ at, ms }: Omit<Gap, "gcMs">): number => {
    const to = at - performance.timeOrigin;
    const from = to - ms - everyMs;
    return collections.reduce((sum, each) => sum + Math.max(0, Math.min(to, each.to) - Math.max(from, each.from)), 0);
  };
  return {
    gaps: () => gaps.map((gap) => ({ ...gap, gcMs: gcMsOf(gap) })),
    stop: () => {
      clearInterval(timer);
      observer.disconnect();
    },
  };
}

/** Of the main thread, since it began: proc(5), schedstat; nanoseconds there. */
function schedule(): { cpuMs: number; queuedMs: number } {
  const [cpu = 0, queued = 0] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ").map(Number);
  return { cpuMs: cpu / 1e6, queuedMs: queued / 1e6 };
}

export interface GapFindings {
  /** The longest, ms. */
  longestMs: number;
  /** The longest of the idle process, ms. */
  machineMs: number;
  /** Of the longest: the event loop's thread was running, ms. */
  cpuMs: number;
  /** Of the longest: V8 collected garbage, ms. */
  gcMs: number;
  /** Of the longest: it could have run, and the machine was busy with others, ms. The rest it was blocked. */
  queuedMs: number;
  /** The longest once what stopped the idle process too is taken off, ms. */
  ownMs: number;
}

export function compareGaps(ours: readonly Gap[], idle: readonly Gap[]): GapFindings {
  const longest = (gaps: readonly number[]) => Math.round(Math.max(0, ...gaps));
  const worst = ours.toSorted((a, b) => b.ms - a.ms)[0];
  const own = ours.map((gap) => {
    const meanwhile = idle.filter((each) => each.at >= gap.at - gap.ms && each.at - each.ms <= gap.at);
    return gap.ms - Math.max(0, ...meanwhile.map(({ ms }) => ms));
  });
  return {
    longestMs: longest(ours.map(({ ms }) => ms)),
    cpuMs: Math.round(worst?.cpuMs ?? 0),
    queuedMs: Math.round(worst?.queuedMs ?? 0),
    gcMs: Math.round(worst?.gcMs ?? 0),
    machineMs: longest(idle.map(({ ms }) => ms)),
    ownMs: longest(own),
  };
}
