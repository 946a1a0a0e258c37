// RES-01 to RES-04, RES-08: jobs that don't end. Half of them can't be interrupted from within the isolate, and are ended
// because the process is. CPU time and wall time are told apart, each with a twin in which the other one ends the job.
import t from "tap";
import { openRuns } from "../support/runs.ts";
import { type Attack, attack, holding } from "./attack.ts";

const soon = { wallMs: 600, cpuMs: 60_000 };
const timeout = { limits: soon, endsBy: ["timeout"] };
// Some of them also hold memory that grows while they turn.
const timeoutOrMemory = { limits: soon, endsBy: ["timeout", "memory"] };

const attacks: Record<string, Attack> = {
  "[RES-01] an endless loop": { ...timeout, body: "for (;;);" },
  "[RES-02] an endless chain of promises": {
    ...timeoutOrMemory,
    body: "const next = () => Promise.resolve().then(next); await next();",
  },
  "[RES-02] an endless await": { ...timeoutOrMemory, body: "for (;;) await null;" },
  "[RES-01] a loop after an answer of the host": { ...timeout, body: 'await c.files.stat("/"); for (;;);' },
  "[RES-01] a loop in a timer": {
    ...timeout,
    body: "setTimeout(() => { for (;;); }, 1); await new Promise(() => {});",
  },
  "[RES-08] a promise that never settles": { ...timeout, body: "await new Promise(() => {});" },
  "[RES-08] a result that is never made": { ...timeout, body: "return { then() {} };" },
  "[RES-03] a regular expression that backtracks": { ...timeout, body: 'return /^(a+)+$/.test("a".repeat(60) + "b");' },
  "[RES-03] another that backtracks": {
    ...timeout,
    body: 'return /^(([a-z])+.)+[A-Z]([a-z])+$/.test("a".repeat(80));',
  },
  "[RES-04] a built-in that can't be interrupted": {
    ...timeout,
    body: "return Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1);",
  },
  "[RES-04] a multiplication of huge numbers": {
    ...timeoutOrMemory,
    body: "let a = 3n ** 400_000n; for (;;) a *= a;",
  },
  "[RES-04] a long replacement": {
    ...timeoutOrMemory,
    body: 'let s = "a".repeat(1 << 20); for (;;) s.replace(/a/g, (m) => m).length;',
  },
  "[RES-03] an address that is checked": {
    ...timeout,
    body: 'return /^([a-zA-Z0-9])(([-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}(([a-z]{2,3})|([a-z]{2,3}[.]{1}[a-z]{2,3}))$/.test("a".repeat(90) + "!");',
  },
  "[RES-03] alternatives that overlap": { ...timeout, body: 'return /^(a|a|aa)*$/.test("a".repeat(90) + "b");' },
  "[RES-03] a reference back": { ...timeout, body: 'return /^(a*)*\\1*(\\1+)+$/.test("a".repeat(60) + "b");' },
  "[RES-03] a look ahead that repeats": { ...timeout, body: 'return /^(?=(a+)+$)(a+)+b$/.test("a".repeat(60) + "c");' },
  "[RES-03] letters of every script": { ...timeout, body: 'return /^(\\p{L}+\\s?)+$/u.test("é".repeat(60) + "!");' },
  "[RES-03] a split by an expression that backtracks": {
    ...timeout,
    body: 'return "a".repeat(60).concat("!").split(/(a*)*b/).length;',
  },
  "[RES-04] a sort without a comparison": {
    ...timeoutOrMemory,
    body: "const a = Array.from({ length: 2e5 }, (_, i) => String(i * 7919 % 2e5)); for (;;) a.sort().reverse();",
  },
  "[RES-04] JSON, read and written": {
    ...timeoutOrMemory,
    body: 'const s = "[" + "1,".repeat(2e5) + "1]"; for (;;) JSON.stringify(JSON.parse(s));',
  },
  "[RES-04] normalisation": {
    ...timeoutOrMemory,
    body: 'const s = "e\\u0301\\u0323".repeat(2e5); for (;;) s.normalize("NFC").normalize("NFKD");',
  },
  "[RES-04] filling of typed arrays": {
    ...timeoutOrMemory,
    body: "const a = new Float64Array(1e6); for (;;) a.fill(0.5).sort();",
  },
  "[RES-04] a join of what is hardly there": {
    ...timeoutOrMemory,
    body: 'return Array.prototype.join.call({ length: 2 ** 32 - 2 }, "").length;',
  },
  "[RES-04] a comparison of texts": {
    ...timeoutOrMemory,
    body: 'const s = "é".repeat(1e6), t = s + "e"; for (;;) s.localeCompare(t, "de");',
  },
  "[RES-04] a power of huge numbers": {
    ...timeoutOrMemory,
    body: "const a = 7n ** 2_000_000n; return (a * a * a).toString().length;",
  },
  "[RES-04] a sort whose comparison never ends": { ...timeout, body: "[2, 1].sort(() => { for (;;); });" },
  "[RES-09] timers without a pause": {
    ...timeout,
    body: "const again = () => setTimeout(again, 0); again(); await new Promise(() => {});",
  },
  "[RES-22] a wait that other threads could end": {
    ...timeout,
    body: 'if (typeof Atomics !== "undefined") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); for (;;);',
  },
  "an error with looping getters": {
    ...timeout,
    body: 'const e = new Error("x"); Object.defineProperty(e, "message", { get() { for (;;); } }); throw e;',
  },
  "an error whose stack loops": {
    ...timeout,
    body: 'const e = new Error("x"); Object.defineProperty(e, "stack", { get() { for (;;); } }); throw e;',
  },
  "a Proxy that is thrown": {
    ...timeout,
    body: "throw new Proxy(new Error('x'), { get() { for (;;); }, getPrototypeOf() { for (;;); } });",
  },
  "a result with a looping getter": { ...timeout, body: "return { get a() { for (;;); } };" },
  "a stack that is prepared for ever": {
    ...timeout,
    body: 'Error.prepareStackTrace = () => { for (;;); }; return new Error("x").stack;',
  },
  "a stack that is prepared for ever, for the host's eyes": {
    ...timeout,
    body: "Error.prepareStackTrace = () => { for (;;); }; null.x;",
  },
  "an end that is noticed and ignored": {
    ...timeout,
    body: 'c.signal.addEventListener("abort", () => { for (;;); }); await new Promise(() => {});',
  },
};

const jobs = Object.fromEntries(
  Object.entries(attacks).map(([name, { body = "", ...job }]) => [
    name,
    { ...job, body: holding(body), credential: true },
  ]),
);
const runs = await openRuns({
  ...jobs,
  "much computing": { body: holding("for (;;);"), limits: { wallMs: 60_000, cpuMs: 300 }, credential: true },
  "little computing": { body: holding("for (;;);"), limits: { wallMs: 600, cpuMs: 60_000 }, credential: true },
  "short waiting": {
    body: "return new Promise((resolve) => setTimeout(resolve, 1_500, 'waited'));",
    limits: { wallMs: 60_000 },
  },
  "waiting too long": {
    body: holding("return new Promise((resolve) => setTimeout(resolve, 1_500, 'waited'));"),
    limits: soon,
    credential: true,
  },
  "a loop while it loads": {
    module: 'import { defineJob } from "mayfly";\nfor (;;);\nexport default defineJob(async () => null);\n',
    limits: soon,
  },
});

for (const [name, { endsBy }] of Object.entries(attacks)) {
  t.test(`${name}: the run ends at its deadline`, (t) => attack(t, runs, name, endsBy).then(() => undefined));
}

t.test(
  "[RES-01] a job that computes for ever while it has time: ended by its CPU time, which is what it used up",
  async (t) => {
    const record = await attack(t, runs, "much computing", ["cpu"]);
    t.ok(record.usage.cpuMs >= 300, `it used ${record.usage.cpuMs} ms`);
    t.match(record.error?.message, /300ms.*raise jobs\.much computing\.limits\.cpu/);
  },
);

t.test(
  "[RES-01] the same job with more CPU time and less time: the other limit ends it, so each of them is armed",
  async (t) => {
    const record = await attack(t, runs, "little computing", ["timeout"]);
    t.match(record.error?.message, /600ms.*limits\.wall/);
  },
);

t.test("[RES-08] a job that waits, with and without the time for it", async (t) => {
  await attack(t, runs, "waiting too long", ["timeout"]);
  t.match(await runs.run("short waiting"), { state: "succeeded", result: "waited" });
});

t.test("[RES-01] a module that never finishes loading, before there is a job at all", async (t) => {
  const record = await runs.run("a loop while it loads");
  t.match(record, { state: "limit", error: { code: "timeout" }, lease: null, teardown: { process: "confirmed" } });
});

t.test("what all of them left behind", (t) => runs.end(t));
