// RES-09 to RES-11: jobs that say too much, through each of the ways that lead out: results, log lines, calls, timers.
// Each bounded flood has a twin whose limit lets it through, so that it is the limit that ends the other.
import t from "tap";
import type { Limits } from "../../runtime/model/limits.ts";
import { openRuns } from "../support/runs.ts";
import { attack, holding, survives } from "./attack.ts";

const KiB = 1_024;
const patient: Partial<Limits> = { wallMs: 60_000, cpuMs: 60_000 };

const bounded: Record<string, { body: string; low: Partial<Limits>; high: Partial<Limits>; endsBy: string }> = {
  "a result that is too large": {
    body: 'return "x".repeat(200_000);',
    low: { resultBytes: 100_000 },
    high: { resultBytes: 300_000 },
    endsBy: "output",
  },
  "a result that is too large only as UTF-8": {
    body: 'return "\\u20ac".repeat(50_000);',
    low: { resultBytes: 100_000 },
    high: { resultBytes: 150_002 },
    endsBy: "output",
  },
  "log lines": {
    body: 'for (let i = 0; i < 12_000; i++) console.log("x".repeat(100)); return "said";',
    low: { logBytes: 10 * KiB },
    high: { logBytes: 2_048 * KiB },
    endsBy: "logs",
  },
  calls: {
    body: 'for (let i = 0; i < 1_500; i++) await c.files.stat("/"); return "asked";',
    low: { calls: 1_000 },
    high: { calls: 2_000 },
    endsBy: "calls",
  },
  "calls that have no answer": {
    body: 'for (let i = 0; i < 3_000; i++) c.log.info("x"); return "said";',
    low: { calls: 2_000 },
    high: { calls: 4_000 },
    endsBy: "calls",
  },
};

const endless: Record<string, { body: string; limits: Partial<Limits>; endsBy: string[] }> = {
  "log lines without end": {
    body: 'for (;;) console.log("x".repeat(1_000));',
    limits: { logBytes: 64 * KiB },
    endsBy: ["logs"],
  },
  "a million log lines": {
    body: 'for (let i = 0; i < 1e6; i++) console.log("line " + i); return "said";',
    limits: { logBytes: 64 * KiB, calls: 2e6 },
    endsBy: ["logs"],
  },
  "log lines of nothing": {
    body: "for (;;) c.log.info('');",
    limits: { logBytes: 1 * KiB, calls: 1e6 },
    endsBy: ["logs"],
  },
  "calls without end, unawaited": {
    body: 'for (;;) c.files.stat("/").catch(() => {});',
    limits: { calls: 5_000 },
    endsBy: ["calls"],
  },
  "calls with much content": {
    body: 'const big = new Uint8Array(1 << 20); for (;;) c.files.write("/a", big).catch(() => {});',
    limits: { calls: 200 },
    endsBy: ["calls", "memory"],
  },
  "a log line of a gigabyte": {
    body: 'let s = "x".repeat(1 << 20); for (;;) { s += s; console.log(s); }',
    limits: { logBytes: 64 * KiB },
    endsBy: ["memory", "logs"],
  },
  "requests that are all denied": {
    body: 'for (;;) c.fetch("http://nobody.example/").catch(() => {});',
    limits: { calls: 2_000 },
    endsBy: ["calls"],
  },
};

const tagOf: Record<string, string> = {
  "a result that is too large": "[RES-11] ",
  "a result that is too large only as UTF-8": "[RES-11] ",
  "log lines": "[RES-10] ",
  "log lines without end": "[RES-10] ",
  "log lines of nothing": "[RES-10] ",
  "a log line of a gigabyte": "[RES-10] ",
  "a million log lines": "[RES-10] ",
};

const runs = await openRuns({
  ...Object.fromEntries(
    Object.entries(bounded).flatMap(([name, { body, low, high }]) => [
      [name, { body: holding(body), limits: { ...patient, ...low }, credential: true }],
      [`${name}, permitted`, { body, limits: { ...patient, ...high } }],
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(endless).map(([name, { body, limits }]) => [
      name,
      { body: holding(body), limits: { ...patient, ...limits }, credential: true },
    ]),
  ),
  marker: {
    body: 'for (let i = 0; i < 30; i++) console.log("y".repeat(99)); return "said";',
    limits: { logBytes: 1_000 },
  },
  lines: {
    body: 'console.log("a\\nb\\r\\u001b[2J\\u2028c"); console.log("z".repeat(40_000)); console.log("\\n".repeat(5_000));',
  },
  "a million timers": {
    body: "let n = 0; try { for (; n < 1e6; n++) setTimeout(() => {}, 1e6); } catch (e) { return { n, message: e.message, code: e.code }; }",
    limits: patient,
  },
  "timers that are cleared": {
    body: "for (let n = 0; n < 30_000; n++) clearTimeout(setTimeout(() => {}, 1e6)); return 'cleared';",
    limits: patient,
  },
  "a timer for 2^31 ms": { body: "return new Promise((f) => setTimeout(f, 2 ** 31, 'at once'));", limits: patient },
  "a timer for 2^31 - 1 ms": {
    body: "return Promise.race([new Promise((f) => setTimeout(f, 2 ** 31 - 1, 'long')), new Promise((f) => setTimeout(f, 50, 'short'))]);",
    limits: patient,
  },
  "work that is still under way": {
    body: 'setInterval(() => console.log("late"), 1); c.fetch("http://nobody.example/").catch(() => {}); return "done";',
    limits: patient,
  },
});

for (const [name, { endsBy }] of Object.entries(bounded)) {
  t.test(`${tagOf[name] ?? ""}${name}: ended by a low limit, and not by a higher one`, async (t) => {
    await attack(t, runs, name, [endsBy]);
    await survives(t, runs, `${name}, permitted`);
  });
}

for (const [name, { endsBy }] of Object.entries(endless)) {
  t.test(`${tagOf[name] ?? ""}${name}: ended while the neighbour goes on`, async (t) => {
    const record = await attack(t, runs, name, endsBy);
    const kept = (await runs.logs(record)).join("\n").length;
    t.ok(kept <= record.limits.logBytes + 200, `${kept} characters of its log are kept`);
    t.ok(record.denials.length <= 100, "and at most a hundred denials");
  });
}

t.test("[RES-10] a log beyond its quota says where it was cut, once, and the job goes on", async (t) => {
  const record = await runs.run("marker");
  t.match(record, { state: "succeeded", result: "said" });
  const lines = await runs.logs(record);
  t.equal(lines.length, 11, "ten lines of a hundred bytes, and the marker");
  t.match(lines.at(-1), /log quota of 1000 bytes is used up.*limits\.logs/);
});

t.test("[RES-10] a text that breaks lines, moves the cursor or never ends stays one escaped line a line", async (t) => {
  const record = await runs.run("lines");
  t.equal(record.state, "succeeded");
  const lines = await runs.logs(record);
  t.same(lines.slice(0, 2), ["a", "b\\u{d}\\u{1b}[2J\\u{2028}c"]);
  t.match(lines[2], /^z{16384}… \(23616 more\)$/);
  t.ok(lines.length <= 1_003, "and one call is at most a thousand lines");
});

t.test("[RES-09] a million timers, of which ten thousand may be set at once", async (t) => {
  t.match(await runs.run("a million timers"), {
    result: { n: 10_000, message: /more than 10000 timers/, code: "timers" },
  });
  t.match(await runs.run("timers that are cleared"), { result: "cleared" });
});

t.test("[RES-09] timers beyond 31 bits fire at once, as browsers have it, and the longest doesn't", async (t) => {
  t.match(await runs.run("a timer for 2^31 ms"), { state: "succeeded", result: "at once" });
  t.match(await runs.run("a timer for 2^31 - 1 ms"), { state: "succeeded", result: "short" });
});

t.test("[RES-08] a job that returns while it still works: what goes on is gone with it", async (t) => {
  const record = await runs.run("work that is still under way");
  t.match(record, { state: "succeeded", result: "done", teardown: { process: "confirmed", sockets: "confirmed" } });
});

t.test("what all of them left behind", (t) => runs.end(t));
