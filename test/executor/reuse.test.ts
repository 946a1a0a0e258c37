// Executors that serve more than one run, where the config says so: only runs of the same job, tenant and bundle, in an isolate
// that has nothing of the one before, and not after a run that one would want to be rid of.
import t from "tap";
import { openRuns } from "../support/runs.ts";

const bodies = {
  plain: { body: "return globalThis.left ?? (globalThis.left = 'mine', 'fresh');" },
  other: { body: "return globalThis.left ?? 'fresh';" },
  theirs: { body: "return globalThis.left ?? 'fresh';", tenant: "another" },
  third: { body: "return globalThis.left ?? 'fresh';" },
  throws: { body: "if (c.input === 'bad') throw new Error('bad'); return 'good';" },
  spins: { body: "if (c.input === 'bad') for (;;); return 'good';", limits: { cpuMs: 500, wallMs: 5_000 } },
  tries: { body: "for (let n = 0; n < c.input; n += 1) await c.credential.fetch().catch(() => {}); return 'good';" },
  lingers: {
    body: `
      if (c.input === "leave") {
        setInterval(() => c.log.info("from the run before"), 1);
        Array.prototype.map = () => "polluted";
        c.files.write("/late", "x").catch(() => {});
        crypto.subtle.digest("SHA-256", new Uint8Array(1 << 20)).then(() => c.log.info("late"));
        new CompressionStream("gzip");
        return [1].map(() => 1);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
      return [[2].map((x) => x), await c.files.stat("/late")];
    `,
  },
};

const single = await openRuns(bodies);
const reusing = await openRuns(bodies, { reuse: 3 });

const pidOf = async (runs: typeof single, job: string, input: unknown = null) => {
  const { pid, done } = await runs.start(job, input);
  return { pid, record: await done };
};

t.test("by default each run has a process of its own", async (t) => {
  const [first, second] = [await pidOf(single, "plain"), await pidOf(single, "plain")];
  t.not(first.pid, second.pid);
  t.match(first.record.teardown, { isolate: "confirmed", process: "confirmed" });
});

t.test(
  "[ISO-20] the next run of the job gets the process and nothing that is in it, until its number is over",
  async (t) => {
    const runs = [];
    for (let n = 0; n < 4; n += 1) runs.push(await pidOf(reusing, "plain"));
    const [a, b, c, d] = runs;
    t.equal(b?.pid, a?.pid);
    t.equal(c?.pid, a?.pid);
    t.not(d?.pid, a?.pid, "three runs, and no fourth");
    t.same(
      runs.map(({ record }) => record.result),
      ["fresh", "fresh", "fresh", "fresh"],
    );
    t.match(a?.record.teardown, { isolate: "confirmed", process: "none" });
    t.match(c?.record.teardown, { isolate: "confirmed", process: "confirmed" }, "the last one ends it");
  },
);

t.test("another job's, another tenant's and another bundle's runs never get it", async (t) => {
  const { pid } = await pidOf(reusing, "other");
  const others = [await pidOf(reusing, "theirs"), await pidOf(reusing, "plain"), await pidOf(reusing, "third")];
  for (const other of others) t.not(other.pid, pid);
  t.equal((await pidOf(reusing, "other")).pid, pid, "its own next one does");
});

for (const [job, good, bad] of [
  ["throws", "good", "bad"],
  ["spins", "good", "bad"],
  ["tries", 2, 30],
] as const)
  t.test(`${job}: after an abnormal end, or a burst of denials, the process is gone`, async (t) => {
    const first = await pidOf(reusing, job, good);
    const second = await pidOf(reusing, job, bad);
    t.equal(second.pid, first.pid);
    t.equal(second.record.teardown.process, "confirmed");
    t.not((await pidOf(reusing, job, good)).pid, first.pid);
  });

t.test("[ISO-19] [ISO-20] what a run leaves going speaks in no later run", async (t) => {
  const first = await pidOf(reusing, "lingers", "leave");
  const second = await pidOf(reusing, "lingers", "look");
  t.equal(second.pid, first.pid);
  t.same(second.record.result, [[2], null]);
  t.same(await reusing.logs(second.record), []);
});

t.test("at the end nothing is left", async (t) => {
  await reusing.end(t);
  await single.end(t);
});
