// Admission: may this run start, and with what? Pure; the answer is plain data that the rest of a run is built from.
import type { Grants } from "../../model/grant.ts";
import type { JobSpec } from "../../model/job.ts";
import { descriptorsPerRun } from "../../model/limits.ts";
import type { Trigger } from "../../model/run.ts";

export interface RunContext {
  trigger: Trigger;
  /** Runs of this job that are going on or waiting. */
  activeRunsOfJob: number;
  /** Runs of this job's tenant that wait for a place, and how many may. */
  waiting: number;
  waitingMax: number;
  /** Files, pipes and sockets that this process may still open without touching its reserve. */
  descriptorsLeft: number;
  /** The process is shutting down and takes no new work. */
  draining: boolean;
}

export type Decision = { admit: true; grants: Grants } | { admit: false; code: RefusalCode; message: string };
export type RefusalCode = "draining" | "busy" | "queue_full" | "overlap";

export function decide(spec: JobSpec, context: RunContext): Decision {
  if (context.draining) return no("draining", "this process is shutting down: submit to the next one");
  if (context.waiting >= context.waitingMax) {
    return no(
      "queue_full",
      `${context.waiting} runs of tenant ${spec.tenant} wait already, at most ${context.waitingMax}: try later, or raise scheduler.queue`,
    );
  }
  if (context.descriptorsLeft < descriptorsPerRun) {
    return no(
      "busy",
      "this process has too few file descriptors left for another run: try later, or raise its limit (ulimit -n)",
    );
  }
  const overlaps = context.trigger.kind === "schedule" && context.activeRunsOfJob > 0;
  if (overlaps && spec.schedule?.overlap !== "allow") {
    return no("overlap", `the last run of ${spec.name} goes on, and its overlap policy is skip`);
  }
  return { admit: true, grants: spec.grants };
}

function no(code: RefusalCode, message: string): Decision {
  return { admit: false, code, message };
}
