// ISO-19 to ISO-21: capabilities that are kept beyond their time, runs that follow each other, calls within calls. What a
// job holds is worth nothing once its run has ended, and nothing of it is in the next.
import t from "tap";
import { impostor } from "../executor/impostor.ts";
import { openRuns } from "../support/runs.ts";

const runs = await openRuns({
  "leaves much": {
    body: `
      globalThis.left = "here"; Object.prototype.left = "here"; Array.prototype.map = null;
      globalThis.keep = c; setInterval(() => c.files.stat("/"), 1);
      await c.files.write("/secret", "of the first run"); await c.files.write("/output/left", "x");
      c.log.info(await c.credential.fetch());
      const tag = Symbol.for("left"); globalThis[tag] = c.credential;
      return "left";
    `,
    credential: true,
  },
  "finds nothing": {
    body: `
      return {
        globals: Reflect.ownKeys(globalThis).map(String).sort(),
        left: typeof globalThis.left + typeof ({}).left, map: typeof [].map, keep: typeof globalThis.keep,
        files: await c.files.list("/"), outputs: await c.files.list("/output"), symbol: typeof globalThis[Symbol.for("left")],
        timers: await new Promise((f) => setTimeout(f, 20, "mine")),
      };
    `,
    credential: true,
  },
  "calls within calls": {
    body: `
      let depth = 0;
      const again = async () => { depth += 1; if (depth < 10_000) await c.files.stat("/none").then(again); };
      await again();
      return depth;
    `,
    limits: { wallMs: 60_000, cpuMs: 60_000 },
  },
  "calls at once": {
    body: `
      const answers = await Promise.all(Array.from({ length: 3_000 }, () => c.files.stat("/none").then(() => "served", (e) => e.code)));
      const last = await c.files.stat("/none");
      return { served: answers.filter((a) => a === "served").length, busy: answers.filter((a) => a === "busy").length, last };
    `,
    limits: { wallMs: 60_000, cpuMs: 60_000 },
  },
  "keeps calling": {
    body: "globalThis.n = 0; for (;;) { c.files.write('/output/' + globalThis.n++ % 100, 'x').catch(() => {}); await c.files.stat('/'); }",
    limits: { wallMs: 60_000, calls: 1e6 },
  },
});

t.test(
  "[ISO-20] two runs in sequence share nothing: globals, prototypes, timers, files, symbols, credentials",
  async (t) => {
    const { globals } = (await runs.run("finds nothing")).result as { globals: string[] };
    t.ok(globals.length > 100 && !globals.includes("left"), "those of a run that nobody has been before");
    const first = await runs.run("leaves much");
    t.equal(first.result, "left");
    const secret = runs.issuer.minted[0] ?? "";
    t.match(secret, /stand-in-credential/);
    t.same(await runs.logs(first), ["[credential]"], "the log of the first doesn't tell it either");
    t.notOk(runs.issuer.accepts(secret), "the first run's credential is dead before the second begins");
    const second = await runs.run("finds nothing");
    t.same((second.result as { globals: string[] }).globals, globals);
    t.match(second.result, {
      left: "undefinedundefined",
      map: "function",
      keep: "undefined",
      files: [{ name: "output" }],
      outputs: [],
      symbol: "undefined",
      timers: "mine",
    });
    t.not(first.id, second.id);
  },
);

t.test("[ISO-21] ten thousand calls, each within the answer of the one before", async (t) => {
  t.match(await runs.run("calls within calls"), { state: "succeeded", result: 10_000 });
});

t.test(
  "[ISO-21] three thousand calls at once: a thousand and some are served, the others told to wait, and all have an answer",
  async (t) => {
    const { result } = await runs.run("calls at once");
    const { served, busy, last } = result as { served: number; busy: number; last: null };
    t.equal(served + busy, 3_000);
    t.ok(served >= 1_024, `${served} served, ${busy} told to wait`);
    t.equal(last, null, "and calls are served again");
  },
);

t.test("[ISO-19] a run that is killed while it calls: nothing is answered or done afterwards", async (t) => {
  const hostile = await runs.start("keeps calling");
  await runs.neighbour().then((neighbour) => neighbour.done()); // it has been calling for a while
  runs.runtime.scheduler.kill(hostile.id, "the test says so");
  const record = await hostile.done;
  t.match(record, { state: "killed", outputs: [], teardown: { directory: "confirmed", process: "confirmed" } });
  const after = runs.runtime.store.auditEntries(1, 1_000_000).filter(({ event }) => event.runId === hostile.id);
  t.equal(after.at(-1)?.event.type, "run.ended", "its last entry is its end");
});

t.test("what all of them left behind", (t) => runs.end(t));

t.test("[ISO-19] an executor that calls on after it said that it was done: no answer, no credential", async (t) => {
  // `done` and the calls behind it are one write, so that they are there together.
  const script = impostor(`
    const later = [1, 2, 3].map((id) => frame({ type: "call", id, op: "credential.fetch", args: {} }));
    raw(Buffer.concat([frame({ type: "done" }, "1"), ...later, frame({ type: "call", id: 4, op: "files.write", args: { path: "/output/late", mode: "replace" } }, "x")]));
  `);
  const late = await openRuns({ job: { body: "", credential: true } }, { executorScript: script });
  const record = await late.run("job");
  t.match(record, { state: "succeeded", result: 1, outputs: [], denials: [] });
  const events = late.runtime.store.auditEntries(1, 1_000).filter(({ event }) => event.runId === record.id);
  t.same(
    events.map(({ event }) => event.type).filter((type) => type === "lease.issued" || type === "allow"),
    [],
  );
  await late.end(t);
});
