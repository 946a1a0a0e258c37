// node:process: a harmless one. It knows nothing of the machine, and can do nothing to it: its environment is empty, its
// output is the run's log, and a job ends by its own promise.
import machine from "mayfly:constants/process";
import { host } from "./host.ts";
import { refusing, refusingAll } from "./refuse.ts";
import { web } from "./web.ts";

const startedMs = host.nowMs();

function hrtime(since?: readonly [number, number]): [number, number] {
  const ms = host.nowMs() - startedMs;
  const [seconds, nanoseconds] = [Math.floor(ms / 1_000), (ms % 1_000) * 1_000_000];
  if (since === undefined) return [seconds, nanoseconds];
  const carried = nanoseconds < since[1] ? 1 : 0;
  return [seconds - since[0] - carried, nanoseconds - since[1] + carried * 1_000_000_000];
}
hrtime.bigint = () => BigInt(host.nowMs() - startedMs) * 1_000_000n;

/** What can be listened to and never speaks. */
function silent() {
  const listening = ["on", "once", "off", "addListener", "removeListener", "removeAllListeners", "prependListener"];
  return {
    ...Object.fromEntries(
      [...listening, "prependOnceListener", "setMaxListeners"].map((name) => [
        name,
        function (this: unknown) {
          return this;
        },
      ]),
    ),
    emit: () => false,
    listeners: () => [],
    rawListeners: () => [],
    listenerCount: () => 0,
    eventNames: () => [],
    getMaxListeners: () => 10,
  };
}

function output(fd: 1 | 2) {
  return {
    ...silent(),
    fd,
    isTTY: false,
    writable: true,
    columns: undefined,
    write(chunk: unknown, ...rest: unknown[]): boolean {
      const text = typeof chunk === "string" ? chunk : new web.TextDecoder().decode(chunk as Uint8Array);
      for (const line of text.replace(/\n$/, "").split("\n")) host.log(fd === 1 ? "info" : "error", line);
      const callback = rest.find((each) => typeof each === "function") as (() => void) | undefined;
      if (callback !== undefined) web.queueMicrotask(callback);
      return true;
    },
    end(chunk?: unknown, ...rest: unknown[]) {
      if (chunk !== undefined && typeof chunk !== "function") this.write(chunk, ...rest);
      return this;
    },
    cork() {},
    uncork() {},
    destroy() {
      return this;
    },
    getColorDepth: () => 1,
    hasColors: () => false,
    getWindowSize: () => [80, 24],
  };
}

function emitWarning(warning: unknown, options?: string | { type?: string }): void {
  const type = typeof options === "string" ? options : options?.type;
  host.log(
    "warn",
    warning instanceof Error ? `${warning.name}: ${warning.message}` : `${type ?? "Warning"}: ${warning}`,
  );
}

const root = "/";

export const process = {
  ...silent(),
  ...refusingAll("process", "a job is no process, and starts or signals none", [
    "kill",
    "binding",
    "_linkedBinding",
    "dlopen",
    "setuid",
    "setgid",
    "seteuid",
    "setegid",
    "initgroups",
    "setgroups",
    "loadEnvFile",
  ]),
  abort: refusing("process.abort", "throw an error: the run then fails with it"),
  exit: refusing("process.exit", "a job ends when its promise settles: return its result, or throw"),
  reallyExit: refusing("process.reallyExit", "a job ends when its promise settles: return its result, or throw"),
  chdir: refusing("process.chdir", 'a job\'s files are below "/": use whole paths'),
  title: "mayfly",
  /** What a job may know comes as its input. */
  env: { NODE_ENV: "production" } as Record<string, string | undefined>,
  argv: ["/node", "/job.js"],
  argv0: "node",
  execArgv: [] as string[],
  execPath: "/node",
  platform: "linux",
  pid: 1,
  ppid: 0,
  exitCode: undefined as unknown,
  version: `v${machine.versions.node}`,
  versions: machine.versions,
  arch: machine.arch,
  release: { name: "node" },
  config: { target_defaults: {}, variables: {} },
  features: {},
  allowedNodeEnvironmentFlags: new Set<string>(),
  stdout: output(1),
  stderr: output(2),
  stdin: {
    ...silent(),
    fd: 0,
    isTTY: false,
    readable: false,
    read: () => null,
    resume() {},
    pause() {},
    unref() {},
    ref() {},
  },
  cwd: () => root,
  umask: () => 0o022,
  uptime: () => (host.nowMs() - startedMs) / 1_000,
  hrtime,
  memoryUsage: Object.assign(() => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }), {
    rss: () => 0,
  }),
  resourceUsage: () => ({ userCPUTime: 0, systemCPUTime: 0, maxRSS: 0 }),
  cpuUsage: () => ({ user: 0, system: 0 }),
  availableMemory: () => 0,
  constrainedMemory: () => 0,
  emitWarning,
  nextTick(callback: (...args: unknown[]) => void, ...args: unknown[]): void {
    if (typeof callback !== "function") throw new TypeError("process.nextTick takes a function");
    web.queueMicrotask(args.length === 0 ? callback : () => callback(...args));
  },
  getActiveResourcesInfo: () => [],
  setUncaughtExceptionCaptureCallback() {},
  hasUncaughtExceptionCaptureCallback: () => false,
  setSourceMapsEnabled() {},
  getBuiltinModule: undefined,
};

export default process;
