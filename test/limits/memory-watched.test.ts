// RES-05, RES-06 without control groups: the supervisor watches the resident set, and RLIMIT_DATA bounds what is taken between
// two looks. The same attacks, the same reason, the same bound.
import { chmodSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import tmp from "tmp";
import { openRuns } from "../support/runs.ts";
import { memoryJobs, proveMemory } from "./memory-attacks.ts";
import { openPoolWithoutGroups } from "./no-cgroups.ts";

const { name: directory, removeCallback } = tmp.dirSync({ unsafeCleanup: true });
chmodSync(directory, 0o755);
const pool = await openPoolWithoutGroups(join(directory, "cache"));
const runs = await openRuns(memoryJobs, { pool });

t.test("this world has no control group: what follows is proven without one", async (t) => {
  const record = await runs.run("first");
  t.match(
    record.layers.find(({ name }) => name === "cgroup"),
    { armed: false },
  );
});

proveMemory(t, runs, "watched");

t.test("what all of them left behind", async (t) => {
  await pool.close();
  await runs.end(t);
  removeCallback();
});
