// Reads /proc: what a process uses, when it started, whether it is still the one that we mean (proc(5)).
import { readdirSync, readFileSync } from "node:fs";

const ticksPerSecond = 100; // USER_HZ: the same on every architecture that Node supports on Linux
const pageBytes = measurePageBytes();

export interface ProcessStat {
  /** One letter: `Z` for a zombie, `X` for what is being reaped. */
  state: string;
  cpuMs: number;
  /** Clock ticks since boot: with the pid it names a process for ever. */
  startTicks: number;
  rssBytes: number;
}

/** undefined when there is no such process. */
export function readStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The second field is the command in parentheses and may contain anything: count from its end.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const field = (number: number) => Number(fields[number - 3]);
  return {
    state: fields[0] ?? "",
    cpuMs: ((field(14) + field(15)) * 1_000) / ticksPerSecond,
    startTicks: field(22),
    rssBytes: field(24) * pageBytes,
  };
}

/** What of a process counts under RLIMIT_DATA, bytes (setrlimit(2)); undefined when there is no such process. */
export function readDataBytes(pid: number): number | undefined {
  try {
    const kibibytes = /^VmData:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1_024;
  } catch {
    return undefined;
  }
}

/** True while pid still names the process that started at `startTicks`; a zombie has ended, and so has what is reaped just now. */
export function isRunning(pid: number, startTicks: number): boolean {
  const stat = readStat(pid);
  return stat !== undefined && stat.startTicks === startTicks && !["Z", "X"].includes(stat.state);
}

/** The first child of a process, undefined when it has none yet. */
export function firstChild(pid: number): number | undefined {
  try {
    const child = Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8"), 10);
    return Number.isNaN(child) ? undefined : child;
  } catch {
    return undefined;
  }
}

/** 0 when there is no such process. */
export function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/**
 * Descriptors above stderr that this process was started with and that its children would be born with: Node closes only
 * its own at an exec (open(2), O_CLOEXEC; proc_pid_fdinfo(5)).
 */
export function inheritableDescriptors(): number[] {
  return readdirSync("/proc/self/fdinfo")
    .map(Number)
    .filter((fd) => fd > 2 && (flagsOf(fd) & closeOnExec) === 0)
    .sort((a, b) => a - b);
}

const closeOnExec = 0o2000000;

function flagsOf(fd: number): number {
  try {
    return Number.parseInt(/^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "0", 8);
  } catch {
    return closeOnExec; // the one by which the directory was read: it is gone
  }
}

/** A new value at every boot of the machine. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

// Pages are 4 KiB on x86-64 and may be 16 or 64 KiB on arm64. Node doesn't say; our own size in both units does.
function measurePageBytes(): number {
  try {
    const pages = Number(readFileSync("/proc/self/statm", "utf8").split(" ")[1]);
    return 2 ** Math.round(Math.log2(process.memoryUsage.rss() / pages));
  } catch {
    return 4_096;
  }
}
