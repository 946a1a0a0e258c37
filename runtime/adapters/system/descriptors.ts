// How many files, pipes and sockets this process may still open. New work stops while some are left, so that what ends
// runs and credentials (a connection to an issuer, a directory that is removed) always has one.
import { readdirSync, readFileSync } from "node:fs";
import { descriptorReserve } from "../../model/limits.ts";

/** What is free for new work: below zero when the reserve is touched. `Infinity` where the system doesn't say. */
export function descriptorsForWork(): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    if (limit === undefined) return Number.POSITIVE_INFINITY;
    return Number(limit) - readdirSync("/proc/self/fd").length - descriptorReserve;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EMFILE" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
}
