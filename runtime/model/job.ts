// A job as the config declares it: parsed, complete, and all that admission looks at.
import type { Grants } from "./grant.ts";
import type { Limits } from "./limits.ts";

export interface Schedule {
  cron: string;
  /** IANA time zone. */
  timezone: string;
  /** What to do with a slot while the job's last run goes on. */
  overlap: "skip" | "allow";
}

/** What is kept of a job's runs, so that they can be repeated. */
export interface RecordRule {
  /** One recording, before it is sealed, bytes. */
  bytesMax: number;
}

export interface JobSpec {
  name: string;
  /** Absolute path of the job's module. */
  entry: string;
  tenant: string;
  schedule: Schedule | null;
  grants: Grants;
  limits: Limits;
  /** Absent: nothing of its runs is recorded. */
  record?: RecordRule;
}
