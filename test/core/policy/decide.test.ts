// Admission is pure: the same question, the same answer, and each no with its own code.
import t from "tap";
import { decide, type RunContext } from "../../../runtime/core/policy/decide.ts";
import type { JobSpec } from "../../../runtime/model/job.ts";
import { defaultFileQuota, defaultLimits, descriptorsPerRun } from "../../../runtime/model/limits.ts";

const spec: JobSpec = {
  name: "sync",
  entry: "/nowhere/sync.ts",
  tenant: "default",
  schedule: { cron: "* * * * *", timezone: "UTC", overlap: "skip" },
  grants: {
    network: { allow: [], privateAddresses: [] },
    files: { mounts: {}, quota: defaultFileQuota },
    credential: null,
    identity: null,
  },
  limits: defaultLimits,
};
const calm: RunContext = {
  trigger: { kind: "submit" },
  activeRunsOfJob: 0,
  waiting: 0,
  waitingMax: 2,
  descriptorsLeft: 1_000,
  draining: false,
};
const slot = { kind: "schedule", slot: "2026-11-01T02:00:00.000Z" } as const;

t.test("what is admitted gets the grants of the config, and no others", (t) => {
  t.same(decide(spec, calm), { admit: true, grants: spec.grants });
  t.end();
});

t.test("a process that shuts down takes nothing, however calm it is", (t) => {
  t.match(decide(spec, { ...calm, draining: true }), { admit: false, code: "draining" });
  t.end();
});

t.test("the queue is bounded: its last place is given, and none after it", (t) => {
  t.match(decide(spec, { ...calm, waiting: 1 }), { admit: true });
  t.match(decide(spec, { ...calm, waiting: 2 }), { admit: false, code: "queue_full", message: /scheduler\.queue/ });
  t.end();
});

t.test("[CRASH-11] no run is taken in for which the ends of others would have to give up descriptors", (t) => {
  t.match(decide(spec, { ...calm, descriptorsLeft: descriptorsPerRun }), { admit: true });
  const short = { ...calm, descriptorsLeft: descriptorsPerRun - 1 };
  t.match(decide(spec, short), { admit: false, code: "busy", message: /ulimit -n/ });
  t.end();
});

t.test("a slot that overlaps is skipped; a submission never overlaps", (t) => {
  t.match(decide(spec, { ...calm, trigger: slot, activeRunsOfJob: 1 }), { admit: false, code: "overlap" });
  t.match(decide(spec, { ...calm, trigger: slot }), { admit: true });
  t.match(decide(spec, { ...calm, activeRunsOfJob: 5 }), { admit: true });
  const allowed: JobSpec = { ...spec, schedule: { cron: "* * * * *", timezone: "UTC", overlap: "allow" } };
  t.match(decide(allowed, { ...calm, trigger: slot, activeRunsOfJob: 5 }), { admit: true });
  t.end();
});

t.test("a job whose schedule was taken away doesn't overlap by a tick that was still under way", (t) => {
  t.match(decide({ ...spec, schedule: null }, { ...calm, trigger: slot, activeRunsOfJob: 1 }), { code: "overlap" });
  t.end();
});
