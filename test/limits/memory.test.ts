// RES-05, RES-06, RES-07: jobs that take memory, on the heap and beside it. The isolate's own limit is overrun by several
// of these, and some make V8 abort the process: whichever wall ends them, the reason is memory, and the rest goes on.
// Each shape has a bounded twin that a higher limit lets through.
import t from "tap";
import { openRuns } from "../support/runs.ts";
import { type Attack, attack, holding, survives } from "./attack.ts";

const MiB = 1_048_576;
const limits = { memoryBytes: 32 * MiB, wallMs: 20_000, cpuMs: 60_000 };
const memory = { limits, endsBy: ["memory"] };

const attacks: Record<string, Attack> = {
  "an array that grows": { ...memory, body: "const a = []; for (;;) a.push(new Array(1_000).fill(a.length));" },
  "objects that hold each other": { ...memory, body: "let o = {}; for (;;) o = { o, p: [o, {}] };" },
  "strings that grow": {
    ...memory,
    body: 'const a = []; for (let i = 0; ; i++) a.push(("x" + i).repeat(1_000).split("").join("-"));',
  },
  "a Map that grows": { ...memory, body: "const m = new Map(); for (let i = 0; ; i++) m.set(i, { i });" },
  "a Set that grows": { ...memory, body: "const s = new Set(); for (let i = 0; ; i++) s.add(i + 0.5);" },
  "closures that hold on": { ...memory, body: "const a = []; for (let i = 0; ; i++) a.push(() => [i, a]);" },
  "a long string in pieces": { ...memory, body: 'return "x".repeat(2 ** 28).split("").length;' },
  "a typed array filled with fractions": {
    ...memory,
    body: "return Array.from({ length: 1e8 }, (_, i) => i + 0.1).length;",
  },
  buffers: { ...memory, body: "const a = []; for (;;) a.push(new Uint8Array(MB).fill(1));" },
  "many small buffers": { ...memory, body: "const a = []; for (;;) a.push(new Uint8Array(8).fill(1));" },
  "a buffer that is resized": {
    ...memory,
    body: "const a = []; for (;;) { const b = new ArrayBuffer(1, { maxByteLength: 64 * MB }); b.resize(64 * MB); new Uint8Array(b).fill(1); a.push(b); }",
  },
  "recursion in a generator": {
    ...memory,
    body: "const a = []; function* g() { yield* g; } for (;;) a.push(g(), [].concat(a.slice(-99)));",
  },
  "promises that wait": { ...memory, body: "const a = []; for (;;) a.push(new Promise((f) => a.push(f)));" },
  "an error with a long message": { ...memory, body: 'let s = "x"; for (;;) { s += s; new Error(s).stack; [...s]; }' },
  "a text for JSON": {
    ...memory,
    body: "const a = []; for (;;) { a.push(JSON.parse('[' + '1,'.repeat(1e6) + '1]')); }",
  },
};

/** The same, up to 96 MiB. */
const twins: Record<string, string> = {
  heap: "const a = []; for (let i = 0; i < 12_000; i++) a.push(new Array(1_000).fill(i + 0.5)); return a.length;",
  buffers: "const a = []; for (let i = 0; i < 96; i++) a.push(new Uint8Array(MB).fill(1)); return a.length;",
};

const withMB = (body: string) => `const MB = 1_048_576; ${body}`;
const runs = await openRuns({
  ...Object.fromEntries(
    Object.entries(attacks).map(([name, { body = "", ...job }]) => [
      name,
      { ...job, body: holding(withMB(body)), credential: true },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(twins).flatMap(([name, body]) => [
      [`bounded ${name}`, { body: holding(withMB(body)), limits, credential: true }],
      [`bounded ${name}, permitted`, { body: withMB(body), limits: { ...limits, memoryBytes: 512 * MiB } }],
    ]),
  ),
  recursion: { body: "const f = (n) => f(n + 1) + 1; return f(0);", limits },
  "caught recursion": {
    body: "const f = (n) => { try { return f(n + 1); } catch { return n; } }; return f(0) > 100;",
    limits,
  },
  "a nested result": {
    body: "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a;",
    limits: { ...limits, memoryBytes: 256 * MiB },
  },
  "a nested text": {
    body: 'return JSON.parse("[".repeat(1e5) + "]".repeat(1e5)).length;',
    limits: { ...limits, memoryBytes: 256 * MiB },
  },
});

for (const [name, { endsBy }] of Object.entries(attacks)) {
  t.test(`${name}: the run ends for want of memory`, async (t) => {
    const record = await attack(t, runs, name, endsBy);
    const peakMax = limits.memoryBytes * 1.5 + 96 * MiB + 100 * MiB; // 100: what is allocated between two looks
    t.ok(record.usage.memoryBytesPeak < peakMax, `peak ${Math.round(record.usage.memoryBytesPeak / MiB)} MiB`);
  });
}

for (const name of Object.keys(twins)) {
  t.test(`bounded ${name}: too much for one limit and not for another, so the limit is armed`, async (t) => {
    await attack(t, runs, `bounded ${name}`, ["memory"]);
    await survives(t, runs, `bounded ${name}, permitted`);
  });
}

t.test("recursion without end is the job's own error, and a job may catch it", async (t) => {
  t.match(await runs.run("recursion"), { state: "failed", error: { code: "job_threw", message: /call stack/ } });
  t.match(await runs.run("caught recursion"), { state: "succeeded", result: true });
});

t.test("what is nested a hundred thousand deep is refused, on no stack of the host", async (t) => {
  t.match(await runs.run("a nested result"), {
    state: "failed",
    error: { code: "job_shape", message: /nested deeper/ },
  });
  t.not((await runs.run("a nested text")).error?.code, "crash");
});

t.test("what all of them left behind", (t) => runs.end(t));
