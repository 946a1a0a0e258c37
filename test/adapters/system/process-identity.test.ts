// A pid is lent, not given: what is killed or believed alive is told by pid, start time and boot.
import { spawn } from "node:child_process";
import { once } from "node:events";
import t, { type Test } from "tap";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { readStat } from "../../../runtime/adapters/system/proc.ts";
import { isAlive, killLeftBehind, thisProcess } from "../../../runtime/adapters/system/process-identity.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";

function sleeper(t: Test) {
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  t.teardown(() => void child.kill("SIGKILL"));
  const pid = child.pid ?? 0;
  return { child, pid, startTicks: readStat(pid)?.startTicks ?? 0, exited: once(child, "exit") };
}

t.test("this process is alive, and nobody else by its pid", (t) => {
  const me = thisProcess("test", systemClock, systemRandom);
  t.ok(isAlive(me));
  t.notOk(isAlive({ ...me, startTicks: me.startTicks + 1 }), "another process that got our pid later");
  t.notOk(isAlive({ ...me, bootId: "another boot" }), "the same numbers before a reboot");
  t.notOk(isAlive({ ...me, pid: 4_194_304 }), "a pid beyond the kernel's largest");
  t.end();
});

t.test("two owners of one process have names of their own", (t) => {
  const names = Array.from({ length: 50 }, () => thisProcess("run", systemClock, systemRandom).id);
  t.equal(new Set(names).size, 50);
  t.end();
});

t.test("what was left behind is killed, and seen gone", async (t) => {
  const { pid, startTicks, exited } = sleeper(t);
  t.equal(await killLeftBehind(pid, startTicks), true);
  t.equal((await exited)[1], "SIGKILL");
});

t.test("a stranger with the same pid is not touched, and what we looked for is gone", async (t) => {
  const { child, pid, startTicks } = sleeper(t);
  t.equal(await killLeftBehind(pid, startTicks + 1), true);
  t.equal(readStat(pid)?.startTicks, startTicks);
  t.equal(child.exitCode, null);
});

t.test("killing what is long gone is success", async (t) => {
  const { child, pid, startTicks, exited } = sleeper(t);
  child.kill("SIGKILL");
  await exited;
  t.equal(await killLeftBehind(pid, startTicks), true);
});
