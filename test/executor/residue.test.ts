// The residue check itself: a leaking twin for each kind of thing that a run could leave, which the check must catch.
// Every other test of runs stands on it.
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import tmp from "tmp";
import { findCgroups } from "../../runtime/adapters/system/cgroup.ts";
import { watchResidue } from "../../runtime/testkit/residue.ts";
import { openRuns } from "../support/runs.ts";

const { name: stateDirectory, removeCallback } = tmp.dirSync({ unsafeCleanup: true });
const scope = { stateDirectory, installation: "0badc0de" };
t.teardown(removeCallback);

t.test("a process that was left running, and one below it", async (t) => {
  const watch = watchResidue();
  const script = `require("node:child_process").spawn("sleep", ["600"], { stdio: "ignore" }); console.log("up"); setInterval(() => {}, 1e6)`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  const found = watch.look(scope).filter((line) => line.startsWith("process"));
  t.equal(found.length, 2);
  t.match(found.join("\n"), new RegExp(`process ${child.pid} `));
  t.match(found.join("\n"), /process \d+ sleep/);
  process.kill(Number(/process (\d+) sleep/.exec(found.join("\n"))?.[1]), "SIGKILL");
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("close", resolve));
  t.same(await watch.settle(scope, 5_000), [], "and it is content once they are gone");
});

t.test("a descriptor that was left open, also under a number that was in use before", async (t) => {
  const before = openSync("/dev/null", "r");
  const watch = watchResidue();
  closeSync(before);
  const leaked = openSync("/proc/self/status", "r");
  t.equal(leaked, before, "the number is the same");
  t.match(watch.look(scope), [/^descriptor \d+ → \/proc\/\d+\/status$/]);
  closeSync(leaked);
  t.same(watch.look(scope), []);
});

t.test("a run's directory that was left", async (t) => {
  const watch = watchResidue();
  const left = join(stateDirectory, "runs", "run_x");
  mkdirSync(left, { recursive: true });
  t.same(watch.look(scope), ["run directory run_x"]);
  rmdirSync(left);
  t.same(watch.look(scope), []);
});

t.test("a control group that was left", async (t) => {
  const watch = watchResidue();
  const found = findCgroups(scope.installation);
  if ("missing" in found) return t.pass(`there are none here: ${found.missing}`);
  found.cgroups.make("leak", { memoryBytes: 1 << 28, pidsMax: 10 });
  t.match(watch.look(scope)[0], /^control group .*mayfly-0badc0de$/);
  await found.cgroups.close();
  t.same(watch.look(scope), []);
});

t.test("runs that succeed, fail and are killed leave nothing", async (t) => {
  const runs = await openRuns({
    good: { body: 'await c.files.write("/output/a", "a"); return c.run.job;', credential: true },
    bad: { body: 'await c.credential.fetch(); throw new Error("no");', credential: true },
    stuck: { body: "await c.credential.fetch(); for (;;);", credential: true },
  });
  t.equal((await runs.run("good")).result, "good");
  t.equal((await runs.run("bad")).state, "failed");
  const stuck = await runs.start("stuck");
  await runs.event((event) => event.runId === stuck.id && event.type === "lease");
  t.ok(stuck.isThere(), "the process is there while it runs");
  const watch = watchResidue();
  t.ok(runs.runtime.scheduler.kill(stuck.id, "the test says so"));
  t.equal((await stuck.done).state, "killed");
  t.notOk(stuck.isThere());
  t.same(watch.look({ stateDirectory: runs.directory, installation: "none" }), []);
  await runs.end(t);
});
