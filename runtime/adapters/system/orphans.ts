// Executors that a killed supervisor left behind before their walls stood. bubblewrap asks the kernel to die with its
// parent, and the process that it makes for the inside asks for the same only once the outer one has set it up: when the
// outer one dies in between, the inner one waits for ever. No record names it, since no run had it yet. It is told by
// its program, by the executor's file of this installation among its arguments, and by having no living supervisor of
// this installation among its ancestors.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import type { Owner } from "../../ports/store.ts";
import { isRunning, readStat } from "./proc.ts";
import { killLeftBehind } from "./process-identity.ts";

const generationsMax = 16;

/** @param cacheDirectory where the executors' files are. @param living this installation's processes. @returns how many were ended. */
export async function killOrphans(cacheDirectory: string, living: readonly Owner[]): Promise<number> {
  const supervisors = new Set(living.filter((owner) => isRunning(owner.pid, owner.startTicks)).map(({ pid }) => pid));
  const orphans = readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && isExecutor(pid, cacheDirectory) && !descendsFrom(pid, supervisors));
  const ended = await Promise.all(
    orphans.map((pid) => {
      const stat = readStat(pid);
      return stat === undefined || stat.state === "Z" ? false : killLeftBehind(pid, stat.startTicks);
    }),
  );
  return ended.filter(Boolean).length;
}

function isExecutor(pid: number, cacheDirectory: string): boolean {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    const namesOurs = args.includes("--die-with-parent") && args.some((arg) => arg.startsWith(`${cacheDirectory}/`));
    return namesOurs && basename(readlinkSync(`/proc/${pid}/exe`)) === "bwrap";
  } catch {
    return false; // it ended, or is another user's
  }
}

function descendsFrom(pid: number, ancestors: ReadonlySet<number>): boolean {
  let at = pid;
  for (let generation = 0; generation < generationsMax && at > 1; generation += 1) {
    if (ancestors.has(at)) return true;
    at = parentOf(at);
  }
  return false;
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
