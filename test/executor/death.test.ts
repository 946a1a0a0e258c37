// RES-07, CRASH-02: an executor that dies, or stops, by what comes from outside of the job. The run is a crash and says by
// which signal; its credential is dead, its directory gone, the neighbour and the next run don't notice.
import t, { type Test } from "tap";
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
  t.test(`an executor that is ended by ${signal} while its job waits`, (t) => dies(t, "waiting", signal));
}
t.test("an executor that is killed while its job computes", (t) => dies(t, "busy", "SIGKILL"));

t.test("an executor that is stopped: the deadline holds, and what is stopped can be killed", async (t) => {
  const hostile = await runs.start("stopped");
  await runs.event((event) => event.runId === hostile.id && event.type === "lease");
  process.kill(hostile.pid, "SIGSTOP");
  const record = await hostile.done;
  t.match(record, { state: "limit", error: { code: "timeout" }, lease: { state: "revoked" } });
  t.match(record.teardown, { process: "confirmed" });
  t.notOk(hostile.isThere());
});

t.test("what all of them left behind", (t) => runs.end(t));
