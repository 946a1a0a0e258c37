// `mayfly start` and `mayfly submit`: what was accepted is not lost, the same key is the same run, and every way of
// ending the process ends its runs first.
import t, { type Test } from "tap";
import { configOf, eventually, launch, ledgerOf, makeProject, mayfly, type Project, recordOf } from "../support/cli.ts";
import { processesOf, recordAtEnd, startMayfly } from "../support/start.ts";

const minute = "await new Promise((resolve) => setTimeout(resolve, 60_000)); return 1;";
const config = configOf(
  {
    echo: "",
    slow: "",
    short: "",
    leased: `credential: { issuer: "partner", scope: ["orders:read"], ttl: "2m", delivery: "revealed", purpose: "test" }`,
  },
  `issuers: { partner: issuers.jwt({ audience: "https://orders.example", listen: "127.0.0.1:0" }) }, scheduler: { concurrency: 2 },`,
);
const jobs = {
  echo: "return input;",
  slow: `log.info("begun"); ${minute}`,
  short: `log.info("begun"); await new Promise((resolve) => setTimeout(resolve, 1_000)); return "ended by itself";`,
  leased: `const token = await credential.fetch(); log.info("leased"); ${minute}`,
};

function project(t: Test): Promise<Project> {
  return makeProject(t, { config, jobs });
}

/** Resolves once the run's own log has that line. */
async function hasLogged(project: Project, id: string, text: string): Promise<void> {
  const { store, archive } = ledgerOf(project);
  await store.close();
  await eventually(async () => (await archive.logLines(id)).find((line) => line.text === text));
}

t.test("a second `start` on the same state is refused, names the first, and leaves it alone", async (t) => {
  const here = await project(t);
  const first = await startMayfly(t, here);
  const second = await mayfly(t, here, ["start", "--allow-missing-sandbox"]);
  t.match(second, { code: 2, stderr: new RegExp(`start_already[\\s\\S]*pid ${first.pid}[\\s\\S]*next:`) });
  t.match(await first.client.status(), { pid: first.pid });
  t.match(await mayfly(t, here, ["submit", "echo", "--input", "7", "--wait"]), { code: 0, stdout: "7\n" });
});

t.test("submitting to nobody: exit 2, and how to run the job all the same", async (t) => {
  const ended = await mayfly(t, await project(t), ["submit", "echo"]);
  t.match(ended, { code: 2, stdout: "", stderr: /start_absent[\s\S]*next:.*mayfly run <job>/ });
});

t.test(
  "submit: the id on stdout; --wait: the result; the same key: the same run; another input: a conflict",
  async (t) => {
    const here = await project(t);
    const { client } = await startMayfly(t, here);
    const plain = await mayfly(t, here, ["submit", "echo", "--input", "1"]);
    t.match(plain, { code: 0, stdout: /^run_[0-9a-f]{32}\n$/ });
    const keyed = await mayfly(t, here, ["submit", "slow", "--input", "2", "--key", "k", "--json"]);
    const { id, isNew } = JSON.parse(keyed.stdout) as { id: string; isNew: boolean };
    t.equal(isNew, true);
    const again = await mayfly(t, here, ["submit", "slow", "--input", "2", "--key", "k"]);
    t.match(again, { code: 0, stdout: `${id}\n`, stderr: /has this key already/ });
    const other = await mayfly(t, here, ["submit", "slow", "--input", "3", "--key", "k"]);
    t.match(other, { code: 2, stdout: "", stderr: new RegExp(`${id}[\\s\\S]*key_conflict[\\s\\S]*another key`) });
    const waited = await mayfly(t, here, ["submit", "echo", "--input", '{"a":1}', "--wait", "--json"]);
    t.match(recordOf(waited), { state: "succeeded", result: { a: 1 }, trigger: { kind: "submit" } });
    await client.kill(id);
  },
);

t.test("exit codes of `submit --wait` are those of `run`", async (t) => {
  const here = await makeProject(t, {
    config: configOf({ bad: "", late: `limits: { wall: "1s" }` }),
    jobs: { bad: `throw new Error("no");`, late: minute },
  });
  await startMayfly(t, here);
  t.equal((await mayfly(t, here, ["submit", "bad", "--wait"])).code, 1);
  t.equal((await mayfly(t, here, ["submit", "late", "--wait"])).code, 4);
  t.match(await mayfly(t, here, ["submit", "baad", "--wait"]), { code: 2, stderr: /did you mean bad/ });
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  t.test(`${signal} during \`run\`: exit 130, with the lease revoked and all torn down first`, async (t) => {
    const here = await project(t);
    const running = launch(t, here, ["run", "leased", "--json"]);
    await running.says(/^log +leased/m);
    running.signal(signal);
    const ended = await running.ended;
    t.equal(ended.code, 130, ended.stderr);
    t.match(recordOf(ended), {
      state: "killed",
      error: { code: "killed", message: new RegExp(signal) },
      lease: { state: "revoked", proof: /inactive|no active token/ },
      teardown: { process: "confirmed", directory: "confirmed", lease: "confirmed" },
    });
    t.same(processesOf(here), []);
  });
}

t.test("an interrupt before the run was launched is not forgotten", async (t) => {
  const here = await project(t);
  const running = launch(t, here, ["run", "slow"]);
  await running.says(/^accepted/m);
  running.signal("SIGINT");
  t.equal((await running.ended).code, 130);
  const { store } = ledgerOf(here);
  t.match(store.runs(1), [{ tornDown: true, record: { state: "killed" } }]);
  await store.close();
});

t.test("[CRASH-06] SIGTERM drains: what runs ends by itself, what waits is kept, exit 0", async (t) => {
  const here = await project(t);
  const started = await startMayfly(t, here);
  const running = await Promise.all([1, 2].map((input) => started.client.submit({ job: "short", input })));
  for (const { id } of running) await hasLogged(here, id, "begun");
  const waiting = await started.client.submit({ job: "echo", input: 3 });
  started.signal("SIGTERM");
  t.match(await started.ended, { code: 0, stderr: /draining/ });
  const { store } = ledgerOf(here);
  t.same(
    running.map(({ id }) => store.run(id as never)?.record.result),
    ["ended by itself", "ended by itself"],
  );
  t.match(store.run(waiting.id as never), { record: { state: "accepted" }, input: "3" });
  await store.close();
  t.same(processesOf(here), []);

  const next = await startMayfly(t, here);
  t.match(await recordAtEnd(next.client, waiting.id), { state: "succeeded", result: 3 });
});

t.test("[CRASH-06] SIGINT twice kills: runs are torn down, leases revoked, exit 130", async (t) => {
  const here = await project(t);
  const started = await startMayfly(t, here);
  const { id } = await started.client.submit({ job: "leased", input: null });
  await hasLogged(here, id, "leased");
  started.signal("SIGINT");
  await started.says(/draining/);
  started.signal("SIGINT");
  t.match(await started.ended, { code: 130 });
  const { store } = ledgerOf(here);
  t.match(store.run(id as never), { tornDown: true, record: { state: "killed", lease: { state: "revoked" } } });
  t.same(store.owners(), []);
  await store.close();
  t.same(processesOf(here), []);
});

t.test(
  "a `start` that is killed while somebody waits: the waiter is told where to look, and the run gets its end",
  async (t) => {
    const here = await project(t);
    const started = await startMayfly(t, here);
    const waiter = launch(t, here, ["submit", "leased", "--wait"]);
    const [, id = ""] = await waiter.says(/as (run_[0-9a-f]{32})/);
    await hasLogged(here, id, "leased");
    started.signal("SIGKILL");
    t.match(await waiter.ended, { code: 2, stderr: new RegExp(`start_absent[\\s\\S]*run-show ${id}`) });
    const before = ledgerOf(here);
    t.equal(before.store.openLeases().length, 1, "its credential lives on, until the next start");
    await before.store.close();

    const next = await startMayfly(t, here);
    t.match(next.stderr(), /recovered 1 runs/);
    const shown = await mayfly(t, here, ["run-show", id, "--json"]);
    t.match(recordOf(shown), { state: "lost", error: { code: "lost" }, lease: { state: "revoked" } });
    t.match(await mayfly(t, here, ["submit", "echo", "--wait"]), { code: 0 });
  },
);

t.test("an interrupt of `submit --wait` ends the run, wherever it is", async (t) => {
  const here = await project(t);
  await startMayfly(t, here);
  const waiter = launch(t, here, ["submit", "slow", "--wait"]);
  const [, id = ""] = await waiter.says(/as (run_[0-9a-f]{32})/);
  await hasLogged(here, id, "begun"); // it follows from when it comes: the line itself may have passed
  waiter.signal("SIGINT");
  t.match(await waiter.ended, { code: 130, stderr: /killed/ });
});

t.test("a schedule makes a run for each slot, and one only", async (t) => {
  const here = await makeProject(t, {
    config: configOf({ tick: `schedule: { cron: "* * * * * *" }` }),
    jobs: { tick: "return input;" },
  });
  const started = await startMayfly(t, here);
  const { store } = ledgerOf(here);
  const rows = await eventually(() => (store.runs(10).length >= 3 ? store.runs(10) : undefined));
  started.signal("SIGTERM");
  await started.ended;
  const slots = rows.map(({ record }) => (record.trigger.kind === "schedule" ? record.trigger.slot : "none"));
  t.equal(new Set(slots).size, slots.length);
  for (const slot of slots) t.match(slot, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/);
  await store.close();
});
