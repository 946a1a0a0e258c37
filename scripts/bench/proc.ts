// What processes take, as the kernel tells it (proc(5)).
import { readdirSync, readFileSync } from "node:fs";
import { readStat } from "../../runtime/adapters/system/proc.ts";

/** Bytes; null where the kernel doesn't say, since it is another user's process. */
export interface ProcessMemory {
  rssBytes: number;
  /** What the process would give back by ending. */
  privateBytes: number | null;
  /** With its part of what it shares. */
  pssBytes: number | null;
}

export function memoryOf(pid: number): ProcessMemory {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1]) * 1_024;
    const privateBytes = bytes("Private_Clean") + bytes("Private_Dirty");
    return { rssBytes: bytes("Rss"), privateBytes, pssBytes: bytes("Pss") };
  } catch {
    return { rssBytes: readStat(pid)?.rssBytes ?? 0, privateBytes: null, pssBytes: null };
  }
}

/** Its children, their children, and so on. */
export function processesBelow(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(Number(name));
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const below: number[] = [];
  for (let left = children.get(pid) ?? []; left.length > 0; left = left.flatMap((each) => children.get(each) ?? [])) {
    below.push(...left);
  }
  return below;
}

function parentOf(pid: number): number | undefined {
  try {
    return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    return undefined; // it has ended meanwhile
  }
}
