// Who we are among the processes of this machine, whether another one still lives, and the end of an orphan. A pid
// alone names nobody for long: start time and boot id go with it.
import { hex } from "../../model/ids.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KillLeftBehind } from "../../ports/executor-process.ts";
import type { Random } from "../../ports/random.ts";
import type { Owner } from "../../ports/store.ts";
import { bootId, isRunning, readStat } from "./proc.ts";

const killTries = 500;
const killPauseMs = 10;

export function thisProcess(role: Owner["role"], clock: Clock, random: Random): Owner {
  const startTicks = readStat(process.pid)?.startTicks ?? 0;
  const id = `${role}-${process.pid}-${hex(random.bytes(4))}`;
  return { id, role, pid: process.pid, startTicks, bootId: bootId(), since: clock.nowMs() };
}

export function isAlive(owner: Owner): boolean {
  return owner.bootId === bootId() && isRunning(owner.pid, owner.startTicks);
}

/** Never a stranger: pid and start time must both still hold. */
export const killLeftBehind: KillLeftBehind = async (pid, startTicks) => {
  for (let tries = 0; tries < killTries && isRunning(pid, startTicks); tries += 1) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // it ended in between
    }
    await new Promise((resolve) => setTimeout(resolve, killPauseMs));
  }
  return !isRunning(pid, startTicks);
};
