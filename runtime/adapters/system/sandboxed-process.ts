// One executor process: spawned behind the walls of sandbox.ts, spoken to over one socket pair, measured through /proc,
// ended by SIGKILL. Its states: warming → ready → (launched, watched) → exited.
import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import type { Duplex, Readable, Writable } from "node:stream";
import { escapeLine, MayflyError } from "../../model/error.ts";
import type { Layer } from "../../model/run.ts";
import type { Clock } from "../../ports/clock.ts";
import type {
  ExecutorClass,
  ExecutorExit,
  ExecutorProcess,
  ProcessUsage,
  WatchLimits,
} from "../../ports/executor-process.ts";
import { encodeFrame, type Frame } from "../../protocol/frame.ts";
import type { Cgroup } from "./cgroup.ts";
import { type FrameReader, readFrames } from "./frame-reader.ts";
import { giveWay } from "./priority.ts";
import { firstChild, isRunning, readStat } from "./proc.ts";
import { infoFd, type Sandbox, seccompFd } from "./sandbox.ts";

/** What V8 adds for a job's code and its own bookkeeping before it counts as the job's memory, bytes. */
const memorySlackBytes = 8 * 1_048_576;
/** Kept of what an executor writes to stderr, bytes. */
const stderrBytesMax = 8_192;
/** Unsent bytes towards an executor that doesn't read, before it is given up. */
const unsentBytesMax = 32 * 1_048_576;
/** Unsent bytes that don't hold up a stream: two windows. */
const unreadBytesMax = 524_288;
const readyWithinMs = 20_000;
/** What is written before an end arrives within this, or was written by somebody else. */
const lastWordsMs = 100;

export interface SpawnOptions {
  sandbox: Sandbox;
  wanted: ExecutorClass;
  cgroup: Cgroup | undefined;
  /** What an executor here counts under RLIMIT_DATA before any job runs, bytes; undefined until one has been seen. */
  dataBaselineBytes?: number | undefined;
  layers: readonly Layer[];
  clock: Clock;
  /** Descriptors that an executor must not be born with. */
  inheritable: readonly number[];
  /** Calls `sample` at short intervals until the returned function is called. */
  sampling: (sample: () => void) => () => void;
  /** Told of the bytes that pass through its pipe. */
  passed?: (bytes: number) => void;
}

/** Resolves when the executor is ready. Rejects with MayflyError `executor_unavailable`; nothing is then left of it. */
export async function spawnExecutor(options: SpawnOptions): Promise<ExecutorProcess> {
  const { sandbox, wanted, cgroup } = options;
  const { file: outer, args: outerArgs, ...owner } = sandbox.command(wanted, options.dataBaselineBytes);
  const entersItself = cgroup !== undefined && owner.uid === undefined;
  const { file, args } = entersItself ? cgroup.entered(outer, outerArgs) : { file: outer, args: outerArgs };
  const child = withStdio(options, (stdio) => spawn(file, args, { ...owner, env: {}, cwd: "/", stdio }));
  const executor = new SandboxedProcess(child, options);
  try {
    if (!entersItself && child.pid !== undefined) cgroup?.add(child.pid);
    // An answer to no call: the first frame that an executor reads takes it 0.6 ms longer, which no run shall wait for.
    executor.send({ header: { type: "reply", id: 0, ok: true }, body: new Uint8Array(0) });
    await executor.ready(readyWithinMs);
    return executor;
  } catch (cause) {
    await executor.kill(5_000);
    const { stderr } = await executor.exited;
    throw new MayflyError({
      code: "executor_unavailable",
      message: "an executor process did not become ready",
      found: stderr === "" ? String((cause as Error).message) : stderr,
      needed: "a process that loads isolated-vm within 20 s",
      next: "run `mayfly doctor` to see which layer fails",
      cause,
    });
  }
}

// stderr and the pipe (bwrap's word on the pid, and the filter for it). What this process was itself started with would
// be inherited, whatever it is: there the executor gets /dev/null.
function withStdio<T>({ sandbox, inheritable }: SpawnOptions, start: (stdio: StdioOptions) => T): T {
  const own: ("ignore" | "pipe" | number)[] = [
    "ignore",
    "ignore",
    "pipe",
    "pipe",
    ...(sandbox.nested ? (["pipe", "pipe"] as const) : []),
  ];
  const foreign = inheritable.filter((fd) => fd >= own.length);
  if (foreign.length === 0) return start(own);
  const nothing = openSync("/dev/null", "r+");
  try {
    const last = foreign.at(-1) ?? 0;
    for (let fd = own.length; fd <= last; fd += 1) own.push(foreign.includes(fd) ? nothing : "ignore");
    return start(own);
  } finally {
    closeSync(nothing);
  }
}

class SandboxedProcess implements ExecutorProcess {
  readonly #child: ChildProcess;
  readonly #pipe: Duplex;
  readonly #options: SpawnOptions;
  readonly #reader: FrameReader;
  readonly exited: Promise<ExecutorExit>;
  #frameListener: ((frame: Frame) => void) | undefined;
  #garbageListener: ((reason: string) => void) | undefined;
  #early: Frame[] = [];
  #earlyGarbage: string | undefined;
  #onReady: ((error?: Error) => void) | undefined;
  #stderr = "";
  #hasExited = false;
  /** By us: then nothing that it says matters. */
  #killed = false;
  /** The namespace's first process, when there is one: its death is the death of all in it. */
  #namespacePid: number | undefined;
  /** bubblewrap has said it, or will not. Its word and the executor's come by two pipes, in any order. */
  readonly #namespaceKnown = Promise.withResolvers<void>();
  #pid = 0;
  #startTicks = 0;
  #launchCpuMs = 0;
  #cpuMs = 0;
  #rssBytesPeak = 0;
  #stopSampling: (() => void) | undefined;
  /** Between a run's end and the next launch nothing is measured. */
  #isMeasured = false;
  /** What the executor says once it is made anew; only it has been told so. */
  #renewal: { word: string; done: (ready: boolean) => void } | undefined;
  /** One for all who wait. */
  #draining: Promise<void> | undefined;

  constructor(child: ChildProcess, options: SpawnOptions) {
    this.#child = child;
    this.#options = options;
    this.#pipe = child.stdio[3] as Duplex;
    this.#reader = readFrames({
      pipe: this.#pipe,
      clock: options.clock,
      passed: options.passed,
      onFrame: (frame) => this.#take(frame),
      onGarbage: (reason) => {
        this.#giveUp(reason);
        this.#onReady?.(new Error("what it sent is no frame"));
      },
    });
    this.exited = this.#listen();
  }

  get pid(): number {
    return this.#pid;
  }
  get startTicks(): number {
    return this.#startTicks;
  }
  get layers(): readonly Layer[] {
    return this.#options.layers;
  }

  #listen(): Promise<ExecutorExit> {
    const { promise, resolve } = Promise.withResolvers<ExecutorExit>();
    this.#child.on("error", (error) => this.#end(resolve, null, null, error));
    this.#child.on("exit", (code, signal) => this.#afterLastWords(() => this.#end(resolve, code, signal)));
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      if (this.#stderr.length < stderrBytesMax) this.#stderr += chunk.toString("utf8").slice(0, stderrBytesMax);
    });
    this.#child.stderr?.on("error", () => {});
    this.#pipe.on("error", () => {}); // its end shows as the process's exit
    const info = this.#child.stdio[infoFd] as Readable | null | undefined;
    info?.on("error", () => {});
    info?.once("data", (chunk: Buffer) => {
      this.#namespacePid = Number(/"child-pid": (\d+)/.exec(chunk.toString("latin1"))?.[1]) || undefined;
    });
    for (const over of ["data", "close"]) info?.once(over, () => this.#namespaceKnown.resolve());
    if (!this.#options.sandbox.nested) this.#namespaceKnown.resolve();
    const filter = (this.#child.stdio as readonly unknown[])[seccompFd] as Writable | undefined;
    filter?.on("error", () => {}); // bwrap is gone: that shows as its exit
    filter?.end(this.#options.sandbox.seccomp);
    return promise;
  }

  // What a process said last may arrive behind its end, and it says there whether it was memory that it died of.
  #afterLastWords(end: () => void): void {
    const { stderr } = this.#child;
    if (this.#killed || stderr === null || stderr.closed) {
      end();
      return;
    }
    const timer = setTimeout(end, lastWordsMs);
    stderr.once("close", () => {
      clearTimeout(timer);
      end();
    });
  }

  #end(resolve: (exit: ExecutorExit) => void, code: number | null, signal: string | null, error?: Error): void {
    if (this.#hasExited) return;
    this.#hasExited = true;
    this.#stopSampling?.();
    this.#onReady?.(error ?? new Error(`it ended with ${signal ?? `code ${code}`}`));
    this.#pipe.destroy();
    const stderr = escapeLine(this.#stderr.trim(), 600);
    // V8 and the C library say so in words when they give up for want of memory; RLIMIT_DATA shows only there.
    const gaveUp = /out of memory|Allocation failed|bad_alloc|Cannot allocate memory|is_heap_oom/i.test(this.#stderr);
    const outOfMemory = gaveUp || (this.#options.cgroup?.outOfMemory() ?? false);
    // Seen from outside, the first process of a pid namespace reports its child's signal as 128 + number.
    resolve({ code, signal: signal ?? signalOf(code), outOfMemory, stderr });
    this.#removeCgroup(20);
  }

  // The kernel needs a moment after the last process of a group is gone.
  #removeCgroup(tries: number): void {
    if (this.#options.cgroup?.remove() === false && tries > 0)
      setTimeout(() => this.#removeCgroup(tries - 1), 25).unref();
  }

  #take(frame: Frame): void {
    if (this.#renewal !== undefined) {
      if (frame.header.type === "ready" && frame.header.word === this.#renewal.word) this.#renewal.done(true);
      return;
    }
    if (this.#onReady !== undefined)
      this.#onReady(frame.header.type === "ready" ? undefined : new Error("its first frame is not `ready`"));
    else if (this.#frameListener === undefined) this.#early.push(frame);
    else this.#frameListener(frame);
  }

  async ready(withinMs: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error(`it was not ready within ${withinMs} ms`)), withinMs);
    this.#onReady = (error) => (error === undefined ? resolve() : reject(error));
    try {
      await promise;
      await this.#namespaceKnown.promise;
    } finally {
      clearTimeout(timer);
      this.#onReady = undefined;
    }
    this.#identify();
  }

  #identify(): void {
    const outer = this.#child.pid ?? 0;
    const inner = this.#options.sandbox.nested ? firstChild(this.#namespacePid ?? 0) : outer;
    const stat = inner === undefined ? undefined : readStat(inner);
    if (inner === undefined || stat === undefined) throw new Error("its process can't be found");
    this.#pid = inner;
    this.#startTicks = stat.startTicks;
    giveWay(inner);
  }

  send(frame: Frame): void {
    if (this.#hasExited) return;
    this.#options.passed?.(frame.body.length);
    this.#pipe.cork(); // header and body by one system call
    for (const part of encodeFrame(frame)) this.#pipe.write(part);
    this.#pipe.uncork();
    if (this.#pipe.writableLength > unsentBytesMax) this.#giveUp("it doesn't read what it asked for");
  }

  async drained(): Promise<void> {
    while (!this.#hasExited && this.#pipe.writableLength > unreadBytesMax) {
      this.#draining ??= this.#untilDrained();
      await this.#draining;
    }
  }

  #untilDrained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#pipe.off("drain", done).off("close", done);
        this.#draining = undefined;
        resolve();
      };
      this.#pipe.on("drain", done).on("close", done);
    });
  }

  listen(wanted: boolean): void {
    this.#reader.listen(wanted);
  }

  onFrame(listener: (frame: Frame) => void): void {
    this.#frameListener = listener;
    for (const frame of this.#early.splice(0)) listener(frame);
  }

  onGarbage(listener: (reason: string) => void): void {
    this.#garbageListener = listener;
    if (this.#earlyGarbage !== undefined) listener(this.#earlyGarbage);
  }

  // It may go wrong while it waits on the shelf, before a run listens.
  #giveUp(reason: string): void {
    this.#earlyGarbage ??= reason;
    this.#garbageListener?.(reason);
  }

  watch(limits: WatchLimits, onBreach: (limit: "cpu" | "memory") => void): void {
    const atLaunch = readStat(this.#pid);
    this.#isMeasured = true;
    this.#cpuMs = 0;
    this.#launchCpuMs = atLaunch?.cpuMs ?? 0;
    this.#rssBytesPeak = atLaunch?.rssBytes ?? 0;
    const rssBytesMax = this.#rssBytesPeak + limits.memoryBytes + memorySlackBytes;
    this.#stopSampling = this.#options.sampling(() => {
      this.#measure();
      if (this.#rssBytesPeak > rssBytesMax) onBreach("memory");
      else if (this.#cpuMs > limits.cpuMs) onBreach("cpu");
    });
  }

  #measure(): void {
    if (!this.#isMeasured) return;
    const stat = readStat(this.#pid);
    if (stat === undefined || stat.startTicks !== this.#startTicks) return;
    this.#cpuMs = Math.max(this.#cpuMs, stat.cpuMs - this.#launchCpuMs);
    this.#rssBytesPeak = Math.max(this.#rssBytesPeak, stat.rssBytes);
  }

  usage(): ProcessUsage {
    this.#measure();
    return { cpuMs: this.#cpuMs, rssBytesPeak: this.#rssBytesPeak };
  }

  async renew(waitMs: number): Promise<boolean> {
    this.#measure();
    this.#isMeasured = false;
    this.#stopSampling?.();
    this.#stopSampling = undefined;
    this.#frameListener = undefined;
    this.#garbageListener = undefined;
    this.#early = [];
    this.listen(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const { clock, word } = { clock: this.#options.clock, word: randomUUID() };
    const cancel = clock.setTimer(waitMs, () => resolve(false));
    void this.exited.then(() => resolve(false));
    this.#renewal = { word, done: resolve };
    this.send({ header: { type: "renew", word }, body: new Uint8Array(0) });
    const isReady = await promise;
    cancel();
    this.#renewal = undefined;
    return isReady && !this.#hasExited && !this.#killed && this.#earlyGarbage === undefined;
  }

  async kill(waitMs: number): Promise<boolean> {
    this.#killed = true;
    this.#stopSampling?.();
    const outer = this.#child.pid;
    if (outer === undefined) return true; // it was never spawned
    if (!this.#hasExited) {
      for (const pid of [this.#namespacePid, outer]) if (pid !== undefined) killQuietly(pid);
    }
    const { clock } = this.#options;
    const untilMs = clock.monotonicMs() + waitMs;
    // The outer process may end a moment before the inner one has been taken down.
    while (clock.monotonicMs() < untilMs) {
      if (this.#hasExited && (this.#pid === 0 || !isRunning(this.#pid, this.#startTicks))) return true;
      await Promise.race(
        [this.#hasExited ? undefined : this.exited, new Promise((resolve) => setTimeout(resolve, 2))].filter(Boolean),
      );
    }
    return false;
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it is gone already
  }
}

const signals: Record<number, string> = {
  4: "SIGILL",
  5: "SIGTRAP",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  15: "SIGTERM",
  24: "SIGXCPU",
  25: "SIGXFSZ",
  31: "SIGSYS",
};

function signalOf(code: number | null): string | null {
  return code !== null && code > 128 ? (signals[code - 128] ?? null) : null;
}
