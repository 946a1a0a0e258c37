// Executors give way: on a machine that they keep busy, deadlines, kills and revocations must not wait behind the jobs that
// they end. A nice value counts within a session's group only where the kernel groups sessions by themselves
// (sched_autogroup, sched(7)), and an executor has a session of its own; there the group's value is lowered too.
import { writeFileSync } from "node:fs";
import { setPriority } from "node:os";

/**
 * Weighs a ninth of a process that was left alone: enough for the supervisor beside a dozen of them, and no starving where
 * the machine has other work.
 */
const niceOfExecutors = 10;

/** Best effort: an ordinary user may do the second ten times a second, on a machine that has it. */
export function giveWay(pid: number): void {
  attempt(() => setPriority(pid, niceOfExecutors));
  attempt(() => writeFileSync(`/proc/${pid}/autogroup`, String(niceOfExecutors)));
}

function attempt(act: () => void): void {
  try {
    act();
  } catch {
    // The process is gone, or the kernel has no such thing.
  }
}
