// RES-23: a tenant that submits without end, beside one that submits now and then. Whose turn it is, as plain data; and the
// same with real executors, where two hundred runs that never finish by themselves are queued before a good one.
import t from "tap";
import { makeFairQueue } from "../../../runtime/core/scheduler/queue.ts";
import { openRuns } from "../../support/runs.ts";

/** Fills all places, one after another. @returns who got one. */
function fill(queue: ReturnType<typeof makeFairQueue<string>>, running: string[]): string[] {
  const started: string[] = [];
  for (let entry = queue.next(running); entry !== undefined; entry = queue.next(running)) {
    started.push(entry);
    running.push(entry.split(" ")[0] ?? "");
  }
  return started;
}

const queueOf = (tenants: string[], places: number, entries: string[], waitingMax = 1_000) => {
  const queue = makeFairQueue<string>({ places, waitingMax, tenants });
  for (const entry of entries) queue.push(entry.split(" ")[0] ?? "", entry);
  return queue;
};

const many = (tenant: string, count: number) => Array.from({ length: count }, (_, n) => `${tenant} ${n}`);

t.test("one tenant: first come, first served, and every place is used", async (t) => {
  t.same(fill(queueOf(["a"], 3, many("a", 5)), []), ["a 0", "a 1", "a 2"]);
  t.same(fill(queueOf(["a"], 1, many("a", 5)), []), ["a 0"]);
});

t.test("a tenant with a long queue leaves a place free, and the other has it at once", async (t) => {
  const running: string[] = [];
  const queue = queueOf(["bad", "good"], 4, many("bad", 200));
  t.same(fill(queue, running), ["bad 0", "bad 1", "bad 2"], "one place is kept");
  queue.push("good", "good 0");
  t.same(fill(queue, running), ["good 0"]);
  running.splice(running.indexOf("bad"), 1);
  t.same(fill(queue, running), ["bad 3"], "both have one: the last place is anybody's");
});

t.test("tenants that all have much: places in equal parts, turn by turn", async (t) => {
  const running: string[] = [];
  const queue = queueOf(["a", "b", "c"], 6, [...many("a", 50), ...many("b", 50), ...many("c", 50)]);
  t.same(fill(queue, running).sort(), ["a 0", "a 1", "b 0", "b 1", "c 0", "c 1"]);
  const starts = { a: 0, b: 0, c: 0 };
  for (let n = 0; n < 60; n += 1) {
    running.shift();
    for (const entry of fill(queue, running)) starts[entry[0] as "a"] += 1;
  }
  t.same(starts, { a: 20, b: 20, c: 20 });
});

t.test("one place for several tenants: nobody is kept out, and they take turns", async (t) => {
  const queue = queueOf(["a", "b"], 1, [...many("a", 3), ...many("b", 3)]);
  const order = Array.from({ length: 6 }, () => fill(queue, [])[0]);
  t.same(order, ["a 0", "b 0", "a 1", "b 1", "a 2", "b 2"]);
});

t.test("a full queue is full for the tenant that filled it", async (t) => {
  const queue = queueOf(["bad", "good"], 1, many("bad", 5), 10);
  t.same(queue.shareOf("bad"), { waiting: 5, waitingMax: 5 });
  t.same(queue.shareOf("good"), { waiting: 0, waitingMax: 5 });
  t.same(queueOf(["a", "b", "c"], 1, [], 2).shareOf("a"), { waiting: 0, waitingMax: 1 }, "never none");
});

t.test("a run that is killed while it waits is nobody's turn any more", async (t) => {
  const queue = queueOf(["a"], 1, many("a", 3));
  t.equal(
    queue.remove((entry) => entry === "a 0"),
    "a 0",
  );
  t.equal(
    queue.remove((entry) => entry === "a 0"),
    undefined,
  );
  t.equal(
    queue.find((entry) => entry === "a 1"),
    "a 1",
  );
  t.equal(
    queue.count((entry) => entry.startsWith("a")),
    2,
  );
  t.same(fill(queue, []), ["a 1"]);
});

const endless = { body: "for (;;) await new Promise((f) => setTimeout(f, 1e6));", limits: { wallMs: 600_000 } };

t.test(
  "[RES-23] two hundred hostile runs queued beside a good one: it starts before any of them has ended",
  async (t) => {
    const runs = await openRuns({
      hostile: { ...endless, tenant: "hostile" },
      good: { body: "return 7;", tenant: "good" },
    });
    const { scheduler } = runs.runtime;
    const submit = (job: string) => scheduler.submit({ job, input: "null", trigger: { kind: "test" } });
    const hostile = await Promise.all(Array.from({ length: 200 }, () => submit("hostile")));
    const { running, waiting } = scheduler.active();
    t.same({ running, waiting }, { running: 3, waiting: 197 }, "they hold three of the four places");
    for (let n = 0; n < 3 && running === 3; n += 1) {
      const { done } = await submit("good");
      t.match(await done, { state: "succeeded", result: 7 });
    }
    t.same(
      runs.events.filter(({ type, runId }) => type === "ended" && hostile.some(({ id }) => id === runId)),
      [],
    );
    for (const { id } of hostile) scheduler.kill(id, "enough");
    await Promise.all(hostile.map(({ done }) => done));
    await runs.end(t);
  },
);

t.test("[RES-23] the twin: as one tenant, the good run waits behind them all", async (t) => {
  const runs = await openRuns({ hostile: endless, good: { body: "return 7;" } });
  const { scheduler } = runs.runtime;
  const submit = (job: string) => scheduler.submit({ job, input: "null", trigger: { kind: "test" } });
  const hostile = await Promise.all(Array.from({ length: 20 }, () => submit("hostile")));
  const good = await submit("good");
  const launched = (id: string) => runs.event(({ type, runId }) => type === "launched" && runId === id);
  await Promise.all(hostile.slice(0, 4).map(({ id }) => launched(id)));
  t.match(scheduler.active(), { running: 4, waiting: 17 });
  t.notOk(
    runs.events.some(({ type, runId }) => type === "launched" && runId === good.id),
    "not before its turn",
  );
  for (const { id } of hostile) scheduler.kill(id, "enough");
  t.match(await good.done, { state: "succeeded" });
  await Promise.all(hostile.map(({ done }) => done));
  await runs.end(t);
});
