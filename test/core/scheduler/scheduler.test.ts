// From a submission or a tick to exactly one run: places, queue, keys, slots, and the process that shuts down. With real
// executors, on a real ledger; the jobs' time stands still until a test moves it.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { Submission } from "../../../runtime/core/scheduler/loop.ts";
import { newRecord } from "../../../runtime/core/scheduler/run.ts";
import { eventually } from "../../support/cli.ts";
import { newRunId } from "../leases/world.ts";
import { makeInstallation, type SchedulerWorld } from "./world.ts";

const submission = (job: string, input: unknown = null, key?: string): Submission => ({
  job,
  input: JSON.stringify(input),
  trigger: key === undefined ? { kind: "submit" } : { kind: "submit", key },
});
const slotOf = (job: string, slot: string): Submission => ({ job, input: "null", trigger: { kind: "schedule", slot } });
const slot = "2026-11-01T02:00:00.000Z";

/** Moves the jobs' time until these runs are over: a job sets its timer some moments after its launch. */
async function letEnd<T>({ time }: Pick<SchedulerWorld, "time">, ...runs: Promise<T>[]): Promise<T[]> {
  let over = false;
  const all = Promise.all(runs).finally(() => {
    over = true;
  });
  await Promise.race([all, eventually(() => (over ? true : time.advance(60_000)))]).catch(() => undefined);
  return all;
}

t.test("more runs than places: the others wait until one is free", async (t) => {
  const world = await makeInstallation(t, { concurrency: 2 }).open();
  const { scheduler } = world.runtime;
  const all = await Promise.all([1, 2, 3, 4, 5].map((n) => scheduler.submit(submission("patient", n))));
  await world.launched(2);
  t.same(scheduler.active(), { running: 2, waiting: 3 });
  const records = await letEnd(world, ...all.map(({ done }) => done));
  t.same(
    records.map(({ state, result }) => [state, result]),
    [1, 2, 3, 4, 5].map((n) => ["succeeded", n]),
  );
  let running = 0;
  let most = 0;
  for (const { type } of world.events) {
    if (type === "launched") running += 1;
    if (type === "ended") running -= 1;
    most = Math.max(most, running);
  }
  t.equal(most, 2, "never more at once");
});

t.test("one place: first come, first served", async (t) => {
  const world = await makeInstallation(t, { concurrency: 1 }).open();
  const { scheduler } = world.runtime;
  const all = await Promise.all([1, 2, 3, 4].map((n) => scheduler.submit(submission("quick", n))));
  await Promise.all(all.map(({ done }) => done));
  const order = world.events.filter(({ type }) => type === "launched").map(({ runId }) => runId);
  t.same(
    order,
    all.map(({ id }) => id),
  );
});

t.test("the queue is full: the refusal is durable, says so, and takes the key with it only for a slot", async (t) => {
  const world = await makeInstallation(t, { concurrency: 1, queue: 1 }).open();
  const { scheduler, store } = world.runtime;
  const first = await scheduler.submit(submission("patient"));
  const second = await scheduler.submit(submission("patient"));
  const third = await scheduler.submit(submission("patient", 3, "k"));
  const refused = await third.done;
  t.match(refused, { state: "refused", error: { code: "queue_full" }, startedAt: null, teardown: { process: "none" } });
  t.match(store.run(third.id), { tornDown: true, input: null });
  t.ok(store.auditEntries(1, 100).some(({ event }) => event.type === "run.refused" && event.runId === third.id));
  await letEnd(world, first.done, second.done);
  const again = await scheduler.submit(submission("patient", 3, "k"));
  t.equal(again.isNew, true, "with the same key, once there is a place");
  t.match(await letEnd(world, again.done), [{ state: "succeeded" }]);
});

t.test("a slot that comes while the last run goes on is skipped, and the ledger says so", async (t) => {
  const world = await makeInstallation(t).open();
  const { scheduler, store } = world.runtime;
  const first = await scheduler.submit(slotOf("patient", slot));
  const second = await scheduler.submit(slotOf("patient", "2026-11-01T02:01:00.000Z"));
  t.match(await second.done, { state: "refused", error: { code: "overlap" } });
  t.ok(store.auditEntries(1, 100).some(({ event }) => event.type === "run.skipped" && event.runId === second.id));
  await letEnd(world, first.done);
  const late = await scheduler.submit(slotOf("patient", "2026-11-01T02:01:00.000Z"));
  t.match(late, { isNew: false, id: second.id }, "what was skipped is not caught up by another tick");
});

t.test("a slot whose job doesn't build any more is refused with a record, not lost", async (t) => {
  const installation = makeInstallation(t);
  writeFileSync(join(installation.directory, "jobs", "quick.ts"), "export default (;");
  const { scheduler, store } = (await installation.open()).runtime;
  const { id, done } = await scheduler.submit(slotOf("quick", slot));
  t.match(await done, { state: "refused", error: { code: "bundle_failed" } });
  t.ok(store.auditEntries(1, 100).some(({ event }) => event.type === "run.refused" && event.runId === id));
  await t.rejects(scheduler.submit(submission("quick", 1)), { code: "bundle_failed" }, "a submitter is told");
});

t.test("one slot is one run, whichever of two processes ticks first", async (t) => {
  const installation = makeInstallation(t);
  const [one, two] = [await installation.open(), await installation.open()];
  const both = await Promise.all([one, two].map(({ runtime }) => runtime.scheduler.submit(slotOf("quick", slot))));
  t.equal(both[0]?.id, both[1]?.id);
  t.same(both.map(({ isNew }) => isNew).sort(), [false, true]);
  await Promise.all(both.map(({ done }) => done));
  t.equal(one.runtime.store.runs(10).length, 1);
  t.equal([...one.events, ...two.events].filter(({ type }) => type === "launched").length, 1);
});

t.test("the same key a hundred times at once is one run, and all hundred hear how it ended", async (t) => {
  const world = await makeInstallation(t).open();
  const { scheduler, store } = world.runtime;
  const all = await Promise.all(Array.from({ length: 100 }, () => scheduler.submit(submission("patient", 7, "k"))));
  t.equal(new Set(all.map(({ id }) => id)).size, 1);
  t.equal(all.filter(({ isNew }) => isNew).length, 1);
  const records = await letEnd(world, ...all.map(({ done }) => done));
  t.ok(records.every(({ state, result }) => state === "succeeded" && result === 7));
  t.equal(store.runs(1_000).length, 1);
  const later = await scheduler.submit(submission("patient", 7, "k"));
  t.match(later, { isNew: false, id: all[0]?.id });
  t.match(await later.done, { state: "succeeded", result: 7 });
});

t.test("the same key with another input is an error that names the run, not somebody else's result", async (t) => {
  const world = await makeInstallation(t).open();
  const { scheduler } = world.runtime;
  const { id, done } = await scheduler.submit(submission("patient", 1, "k"));
  await t.rejects(scheduler.submit(submission("patient", 2, "k")), { code: "key_conflict", message: new RegExp(id) });
  await letEnd(world, done);
});

t.test("a job that isn't in the config, or doesn't build, is never accepted", async (t) => {
  const { runtime } = await makeInstallation(t).open();
  await t.rejects(runtime.scheduler.submit(submission("nightly")), { code: "job_unknown", needed: /quick/ });
  t.same(runtime.store.runs(10), []);
});

t.test("what is accepted is on disk before anyone is told", async (t) => {
  const installation = makeInstallation(t, { concurrency: 1 });
  const [world, other] = [await installation.open(), await installation.open()];
  const { id } = await world.runtime.scheduler.submit(submission("patient", { a: 1 }));
  t.match(other.runtime.store.run(id), { input: '{"a":1}', record: { job: "patient" } }, "another process sees it");
});

t.test("a drain waits for what runs, leaves what waits to the next process, and takes nothing new", async (t) => {
  const installation = makeInstallation(t, { concurrency: 1 });
  const world = await installation.open();
  const { scheduler, store } = world.runtime;
  const running = await scheduler.submit(submission("patient", 1));
  const waiting = await scheduler.submit(submission("quick", 2));
  await world.launched(1);
  const drained = scheduler.drain(60_000);
  const late = await scheduler.submit(submission("quick", 3));
  t.match(await late.done, { state: "refused", error: { code: "draining" } });
  await letEnd(world, running.done);
  await drained;
  t.match(await running.done, { state: "succeeded" });
  t.match(store.run(waiting.id), { input: "2", record: { state: "accepted" } });
});

t.test("a drain is bounded: what still runs then is killed and torn down", async (t) => {
  const world = await makeInstallation(t).open();
  const { scheduler, store } = world.runtime;
  const { id, done } = await scheduler.submit(submission("patient"));
  await world.launched(1);
  await scheduler.drain(1);
  t.match(await done, { state: "killed", teardown: { process: "confirmed", directory: "confirmed" } });
  t.match(store.run(id), { tornDown: true, record: { state: "killed", error: { message: /shutting down/ } } });
});

t.test("killAll ends what runs, and what waits gets its place", async (t) => {
  const world = await makeInstallation(t, { concurrency: 1 }).open();
  const { scheduler } = world.runtime;
  const running = await scheduler.submit(submission("patient"));
  const waiting = await scheduler.submit(submission("quick", 2));
  await world.launched(1);
  scheduler.killAll("enough");
  t.match(await running.done, { state: "killed", error: { code: "killed", message: "enough" } });
  t.match(await waiting.done, { state: "succeeded", result: 2 });
});

t.test("a run that waits can be killed too: it ends without an executor", async (t) => {
  const world = await makeInstallation(t, { concurrency: 1 }).open();
  const { scheduler, store } = world.runtime;
  const running = await scheduler.submit(submission("patient"));
  const waiting = await scheduler.submit(submission("quick", 2));
  t.ok(scheduler.kill(waiting.id, "changed my mind"));
  t.match(await waiting.done, { state: "killed", startedAt: null, error: { message: "changed my mind" } });
  t.match(store.run(waiting.id), { tornDown: true });
  t.notOk(scheduler.kill(waiting.id, "again"), "it is over");
  scheduler.killAll("enough");
  await running.done;
});

t.test("an accepted run of a dead process is run by the next one: once, however often it is offered", async (t) => {
  const installation = makeInstallation(t, { concurrency: 1 });
  const before = await installation.open();
  await before.runtime.scheduler.drain(0); // takes nothing more …
  const next = await installation.open();
  const { scheduler, store } = next.runtime;
  const busy = await scheduler.submit(submission("patient")); // … and the next one's only place is taken
  await next.launched(1);
  const { id } = await leaveAccepted(before, { result: 7 });
  const row = store.run(id);
  if (row === undefined) throw new Error("no row");
  for (let second = 0; second < 5; second += 1) {
    t.ok(scheduler.adopt(row));
    await eventually(() => (scheduler.active().waiting > 0 ? true : undefined));
  }
  t.equal(store.run(id)?.owner, next.runtime.owner.id, "it says on disk whose it is");
  t.match(scheduler.active(), { waiting: 1 });
  t.ok(scheduler.holds(id));
  const ended = eventually(() => store.run(id)?.record.endedAt ?? undefined);
  await letEnd<unknown>(next, busy.done, ended);
  t.match(store.run(id), { tornDown: true, record: { state: "succeeded", result: { result: 7 } } });
  const launches = store
    .auditEntries(1, 100)
    .filter(({ event }) => event.type === "run.launched" && event.runId === id);
  t.equal(launches.length, 1);
});

t.test("an accepted run whose job doesn't build any more gets an end that says why", async (t) => {
  const installation = makeInstallation(t);
  const before = await installation.open();
  const { id } = await leaveAccepted(before, 1);
  writeFileSync(join(installation.directory, "jobs", "quick.ts"), "export {");
  const next = await installation.open();
  const row = next.runtime.store.run(id);
  t.ok(row !== undefined && next.runtime.scheduler.adopt(row));
  await eventually(() => next.runtime.store.run(id)?.record.endedAt ?? undefined);
  t.match(next.runtime.store.run(id), {
    tornDown: true,
    record: { state: "failed", error: { code: "bundle_failed" } },
  });
});

/** Accepts a run and never launches it, as a process does that dies right then. */
async function leaveAccepted({ runtime }: SchedulerWorld, input: unknown) {
  const spec = runtime.config.jobs.quick;
  if (spec === undefined) throw new Error("no job");
  const id = newRunId();
  const acceptedAt = "2026-11-01T02:00:00.000Z";
  const order = { id, spec, trigger: { kind: "submit" }, bundle: null, acceptedAt } as const;
  const record = newRecord(order, { spiffeId: () => "spiffe://test" });
  const row = { record, owner: "dead", input: JSON.stringify(input), pid: null, startTicks: null, tornDown: false };
  await runtime.store.accept(row, null, []);
  return { id };
}
