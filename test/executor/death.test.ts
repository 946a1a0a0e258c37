// RES-07, CRASH-02: an executor that dies, or stops, by what comes from outside of the job. The run is a crash and says by
// which signal; its credential is dead, its directory gone, the neighbour and the next run don't notice.
import { readdirSync, readFileSync } from "node:fs";
import t, { type Test } from "tap";
import { readStat } from "../../runtime/adapters/system/proc.ts";
import { openRuns } from "../support/runs.ts";

const runs = await openRuns({
  waiting: {
    body: 'await c.files.write("/a", "a"); await c.credential.fetch(); await new Promise(() => {});',
    credential: true,
  },
  busy: { body: "await c.credential.fetch(); for (;;);", credential: true },
  stopped: {
    body: "await c.credential.fetch(); await new Promise(() => {});",
    credential: true,
    limits: { wallMs: 700 },
  },
  "busy, not for long": { body: "await c.credential.fetch(); for (;;);", credential: true, limits: { wallMs: 500 } },
  next: { body: "return 'next';" },
});

async function dies(t: Test, job: string, signal: NodeJS.Signals): Promise<void> {
  const neighbour = await runs.neighbour();
  const hostile = await runs.start(job);
  await runs.event((event) => event.runId === hostile.id && event.type === "lease");
  t.ok(hostile.isThere());
  process.kill(hostile.pid, signal);
  const record = await hostile.done;
  t.match(record, { state: "failed", result: null, error: { code: "crash", message: new RegExp(`died: ${signal}`) } });
  t.match(record.teardown, { process: "confirmed", directory: "confirmed", lease: "confirmed" });
  t.match(record.lease, { state: "revoked" });
  t.notOk(hostile.isThere());
  t.match(await runs.run("next"), { state: "succeeded", result: "next" }, "the next run starts");
  t.match(await neighbour.done(), { state: "succeeded", result: { own: neighbour.own } });
}

for (const signal of ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGTRAP", "SIGTERM", "SIGBUS"] as const) {
  t.test(`[RES-07] an executor that is ended by ${signal} while its job waits`, (t) => dies(t, "waiting", signal));
}
t.test("[RES-07] an executor that is killed while its job computes", (t) => dies(t, "busy", "SIGKILL"));

t.test("[RES-01] an executor that is stopped: the deadline holds, and what is stopped can be killed", async (t) => {
  const hostile = await runs.start("stopped");
  await runs.event((event) => event.runId === hostile.id && event.type === "lease");
  process.kill(hostile.pid, "SIGSTOP");
  const record = await hostile.done;
  t.match(record, { state: "limit", error: { code: "timeout" }, lease: { state: "revoked" } });
  t.match(record.teardown, { process: "confirmed" });
  t.notOk(hostile.isThere());
});

/** CPU time that processes below this one have used, by pid and start: a run's leftovers would be among them. */
const computing = () =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = readStat(Number(name));
      const command = stat === undefined ? "" : readCommand(name);
      return stat !== undefined && command.includes("/isolate.node") ? [`${name} ${stat.startTicks}`] : [];
    });

function readCommand(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return ""; // it has just ended
  }
}

t.test("[RES-26] a run that computed has ended: its process is gone by then, and uses no CPU any more", async (t) => {
  for (const how of ["killed", "timeout"] as const) {
    const hostile = await runs.start(how === "killed" ? "busy" : "busy, not for long");
    await runs.event((event) => event.runId === hostile.id && event.type === "lease");
    const own = `${hostile.pid} ${readStat(hostile.pid)?.startTicks}`;
    t.ok(computing().includes(own), "the look finds it while it computes");
    if (how === "killed") runs.runtime.scheduler.kill(hostile.id, "the test says so");
    const record = await hostile.done;
    if (how === "timeout") t.ok(record.usage.cpuMs > 0, "it did compute");
    t.notOk(computing().includes(own), `${how}: nothing of it is there to compute`);
    t.notOk(hostile.isThere());
  }
});

t.test("what all of them left behind", (t) => runs.end(t));
