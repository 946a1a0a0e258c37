// A supervisor that runs out: of descriptors, of processes. New work is refused with a word that says so; what goes on is
// ended as ever, and its credential is dead. Real limits, put on a real process while it works.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { ControlClient } from "../../runtime/adapters/system/control-client.ts";
import { descriptorReserve, descriptorsPerRun } from "../../runtime/model/limits.ts";
import type { RunRecord } from "../../runtime/model/run.ts";
import type { RunEvent } from "../../runtime/model/run-event.ts";
import { eventually, mayfly } from "../support/cli.ts";
import { holding, vaultProject } from "../support/holding.ts";
import { recordAtEnd, startMayfly } from "../support/start.ts";

const inUse = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

function limitDescriptors(pid: number, soft: number): void {
  const { status, stderr } = spawnSync("prlimit", [`--nofile=${soft}:`, "--pid", String(pid)], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

t.test(
  "[CRASH-11] out of descriptors: a new run is refused, and those that go on are ended and proven dead",
  async (t) => {
    const { world, here, accepts } = await vaultProject(t);
    const started = await startMayfly(t, here, { env: world.env });
    const [first, second] = [await holding(t, here), await holding(t, here)];
    const before = Number(/^Max open files +(\d+)/m.exec(readFileSync(`/proc/${started.pid}/limits`, "utf8"))?.[1]);

    limitDescriptors(started.pid, inUse(started.pid) + descriptorReserve + descriptorsPerRun - 6);
    const refused = await mayfly(t, here, ["submit", "holds", "--wait", "--json"]);
    t.match(refused, {
      code: 3,
      stdout: /"busy"/,
      stderr: /too few file descriptors left for another run[\s\S]*ulimit -n/,
    });
    t.equal(await accepts(), true, "nobody else is touched");
    await started.client.kill(first);
    t.match(await recordAtEnd(started.client, first), { state: "killed", lease: { state: "revoked" } });

    limitDescriptors(started.pid, inUse(started.pid) + 12); // deep in the reserve
    await started.client.kill(second);
    t.match(await recordAtEnd(started.client, second), {
      state: "killed",
      lease: { state: "revoked" },
      teardown: { lease: "confirmed", process: "confirmed", directory: "confirmed" },
    });
    t.equal(await accepts(), false);

    limitDescriptors(started.pid, before);
    const third = await holding(t, here);
    t.equal(await accepts(), true, "with descriptors again, it takes runs again");
    await started.client.kill(third);
    await recordAtEnd(started.client, third);
  },
);

const pidsRoot = "/sys/fs/cgroup/pids";

/** Puts the process into a group of its own that may have no more than it has now; undone by the function. */
function limitProcesses(pid: number): { raise(): void; remove(): void } {
  const group = join(pidsRoot, `mayfly-test-${process.pid}`);
  mkdirSync(group);
  writeFileSync(join(group, "cgroup.procs"), String(pid));
  writeFileSync(join(group, "pids.max"), readFileSync(join(group, "pids.current"), "utf8"));
  return {
    raise: () => writeFileSync(join(group, "pids.max"), "max"),
    remove: () => {
      try {
        rmdirSync(group);
      } catch {
        // its last process is a moment from gone
      }
    },
  };
}

/** Of a run that was submitted: its record when it could not be launched, undefined once it is. */
async function firstWord(client: ControlClient, id: string): Promise<RunRecord | undefined> {
  for await (const event of client.events(id) as AsyncIterable<RunEvent>) {
    if (event.type === "ended") return event.record;
    if (event.type !== "accepted") return undefined;
  }
  return undefined;
}

const whyNoGroups = (() => {
  try {
    const group = join(pidsRoot, `mayfly-probe-${process.pid}`);
    mkdirSync(group);
    rmdirSync(group);
    return false;
  } catch {
    return "needs a pids control group (version 1) that this user may write to";
  }
})();

t.test(
  "[CRASH-11] out of processes: runs that can't be launched end as such, and those that go on are proven dead",
  { skip: whyNoGroups },
  async (t) => {
    const { world, here, accepts } = await vaultProject(t);
    const started = await startMayfly(t, here, { env: world.env });
    const first = await holding(t, here);
    const limit = limitProcesses(started.pid);
    t.teardown(async () => {
      started.signal("SIGKILL");
      await started.ended;
      limit.remove();
    });
    const others: string[] = [];
    const failed = await eventually(async () => {
      const { id } = await started.client.submit({ job: "holds", input: null }); // warm ones are there, at first
      others.push(id);
      return firstWord(started.client, id);
    });
    t.match(failed, { state: "failed", error: { code: "executor_unavailable" } });
    await started.client.kill(first);
    t.match(await recordAtEnd(started.client, first), { state: "killed", lease: { state: "revoked" } });
    for (const id of others) await started.client.kill(id);
    for (const id of others) await recordAtEnd(started.client, id);
    t.equal(await accepts(), false);
    limit.raise();
    const again = await holding(t, here);
    await started.client.kill(again);
    t.match(await recordAtEnd(started.client, again), { lease: { state: "revoked" } });
  },
);
