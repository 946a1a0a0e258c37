// One executor: a process that was made for one run. All that the core can do is talk to it, measure it and kill it.
import type { Layer } from "../model/run.ts";
import type { Frame } from "../protocol/frame.ts";

export interface ExecutorExit {
  code: number | null;
  signal: string | null;
  /** True when the kernel killed it for memory, or V8 gave up for want of it. */
  outOfMemory: boolean;
  /** What it wrote to stderr, cut and escaped: for the operator. */
  stderr: string;
}

export interface ProcessUsage {
  /** User and system time since the run was launched in it, ms, in steps of 10. */
  cpuMs: number;
  /** Highest resident set seen since launch, bytes. */
  rssBytesPeak: number;
}

export interface WatchLimits {
  cpuMs: number;
  /** What the job may add to the resident set of the warm executor. */
  memoryBytes: number;
}

export interface ExecutorProcess {
  /** On the host. */
  readonly pid: number;
  /** /proc/<pid>/stat field 22, in clock ticks since boot: with the pid it names the process for ever. */
  readonly startTicks: number;
  readonly layers: readonly Layer[];
  send(frame: Frame): void;
  /** Resolves when little of what was sent still waits to be read, or the process has ended. */
  drained(): Promise<void>;
  /** False: its frames wait in its pipe, and it with them once that is full. */
  listen(wanted: boolean): void;
  /** One listener; frames that came earlier are kept for it. */
  onFrame(listener: (frame: Frame) => void): void;
  /** Bytes on the pipe that are no frame. The process is to be killed. */
  onGarbage(listener: (reason: string) => void): void;
  /** Starts measuring; calls once when a bound is passed. */
  watch(limits: WatchLimits, onBreach: (limit: "cpu" | "memory") => void): void;
  usage(): ProcessUsage;
  /**
   * Ends the guest and makes a fresh one in the same process; what still comes of the old one is dropped. False when it isn't
   * ready again within `waitMs`, or is not what it should be: it is to be killed.
   */
  renew(waitMs: number): Promise<boolean>;
  readonly exited: Promise<ExecutorExit>;
  /** SIGKILL, then waits until pid and start time are gone; false when they are still there after `waitMs`. */
  kill(waitMs: number): Promise<boolean>;
}

/** Executors of one class share what must be fixed before a job is known. */
export interface ExecutorClass {
  /** V8's heap limit in the isolate and the operating system's bound behind it. */
  memoryBytes: number;
  /** RLIMIT_CPU behind the supervisor's own watching, ms. */
  cpuMs: number;
}

export interface ExecutorPool {
  /**
   * A ready executor of that class: one that has served runs of the same `reuseKey`, a warm one, or a new one; without a key
   * none that has served a run. Rejects with MayflyError `executor_unavailable` or `sandbox_required`.
   */
  take(wanted: ExecutorClass, reuseKey?: string): Promise<ExecutorProcess>;
  /** After a run that ended well. True: it is renewed and kept for the next run of that key. False: it is to be killed. */
  giveBack(executor: ExecutorProcess, wanted: ExecutorClass, reuseKey: string): Promise<boolean>;
  /** Keeps this many of that class ready. */
  keepWarm(wanted: ExecutorClass, count: number): void;
  /** Kills what is warm; resolves when all are gone. */
  close(): Promise<void>;
}

/** For recovery: ends a process of an earlier supervisor, when pid and start time still name it. */
export type KillLeftBehind = (pid: number, startTicks: number) => Promise<boolean>;
