// Jobs that take memory, on the heap and beside it. The isolate's own limit is overrun by several of these, and some make
// V8 abort the process: whichever wall ends them, the reason is memory, and the peak is within the stated bound. Told
// twice: with control groups (memory.test.ts) and without (memory-watched.test.ts).
import type { Test } from "tap";
import type { JobUnderTest, Runs } from "../support/runs.ts";
import { attack, holding, survives } from "./attack.ts";

export const MiB = 1_048_576;
export const limits = { memoryBytes: 32 * MiB, wallMs: 20_000, cpuMs: 60_000 };

const heap: Record<string, string> = {
  "an array that grows": "const a = []; for (;;) a.push(new Array(1_000).fill(a.length));",
  "an array that is long at once": "const a = []; for (;;) { const b = []; b.length = 3e7; b.fill(1.5); a.push(b); }",
  "an array with holes": "const a = []; for (let i = 0; ; i += 1_000) a[i % 2 ** 31] = { i };",
  "objects that hold each other": "let o = {}; for (;;) o = { o, p: [o, {}] };",
  "strings that grow": 'const a = []; for (let i = 0; ; i++) a.push(("x" + i).repeat(1_000).split("").join("-"));',
  "a Map that grows": "const m = new Map(); for (let i = 0; ; i++) m.set(i, { i });",
  "a Set that grows": "const s = new Set(); for (let i = 0; ; i++) s.add(i + 0.5);",
  "closures that hold on": "const a = []; for (let i = 0; ; i++) a.push(() => [i, a]);",
  "a long string in pieces": 'return "x".repeat(2 ** 28).split("").length;',
  "an array of fractions": "return Array.from({ length: 1e8 }, (_, i) => i + 0.1).length;",
  "recursion in a generator":
    "const a = []; function* g() { yield* g; } for (;;) a.push(g(), [].concat(a.slice(-99)));",
  "promises that wait": "const a = []; for (;;) a.push(new Promise((f) => a.push(f)));",
  "an error with a long message": 'let s = "x"; for (;;) { s += s; new Error(s).stack; [...s]; }',
  "a text for JSON": "const a = []; for (;;) { a.push(JSON.parse('[' + '1,'.repeat(1e6) + '1]')); }",
  "numbers without end": "const a = []; for (let n = 3n ** 100_000n; ; n += 1n) a.push(n);",
};

const beside: Record<string, string> = {
  buffers: "const a = []; for (;;) a.push(new Uint8Array(MB).fill(1));",
  "many small buffers": "const a = []; for (;;) a.push(new Uint8Array(8).fill(1));",
  "a buffer that is resized":
    "const a = []; for (;;) { const b = new ArrayBuffer(1, { maxByteLength: 64 * MB }); b.resize(64 * MB); new Uint8Array(b).fill(1); a.push(b); }",
  "bytes of texts": 'const a = [], s = "x".repeat(MB); for (;;) a.push(new TextEncoder().encode(s));',
  "buffers that are copied":
    "const a = []; let b = new Float64Array(MB / 8).fill(0.5); for (;;) a.push(b.slice(), b.buffer.slice(0));",
  "shared buffers, should there be any":
    'const a = []; for (;;) { const b = typeof SharedArrayBuffer === "undefined" ? new ArrayBuffer(MB) : new SharedArrayBuffer(MB); new Uint8Array(b).fill(1); a.push(b); }',
};

/** The same, up to 96 MiB. */
const twins: Record<string, string> = {
  "[RES-05] bounded heap":
    "const a = []; for (let i = 0; i < 12_000; i++) a.push(new Array(1_000).fill(i + 0.5)); return a.length;",
  "[RES-06] bounded buffers":
    "const a = []; for (let i = 0; i < 96; i++) a.push(new Uint8Array(MB).fill(1)); return a.length;",
};

const tagged = [
  ...Object.entries(heap).map(([name, body]) => [`[RES-05] ${name}`, body] as const),
  ...Object.entries(beside).map(([name, body]) => [`[RES-06] ${name}`, body] as const),
];

const withMB = (body: string) => `const MB = 1_048_576; ${body}`;

export const memoryJobs: Record<string, JobUnderTest> = {
  first: { body: "return 1;", limits },
  ...Object.fromEntries(
    tagged.map(([name, body]) => [name, { limits, body: holding(withMB(body)), credential: true }]),
  ),
  ...Object.fromEntries(
    Object.entries(twins).flatMap(([name, body]) => [
      [name, { body: holding(withMB(body)), limits, credential: true }],
      [`${name}, permitted`, { body: withMB(body), limits: { ...limits, memoryBytes: 512 * MiB } }],
    ]),
  ),
};

/** What the kernel lets a process have, whatever happens between two looks at it. */
const peakBytesMax = limits.memoryBytes * 1.5 + 96 * MiB;

export function proveMemory(t: Test, runs: Runs, wall: string): void {
  t.before(() => runs.run("first")); // by the first executor that is ready, the others' bounds are measured
  for (const [name] of tagged) {
    t.test(`${name}, ${wall}: the run ends for want of memory`, async (t) => {
      const { usage } = await attack(t, runs, name, ["memory"]);
      t.ok(usage.memoryBytesPeak <= peakBytesMax, `peak ${Math.round(usage.memoryBytesPeak / MiB)} MiB`);
    });
  }
  for (const name of Object.keys(twins)) {
    t.test(`${name}, ${wall}: too much for one limit and not for another, so the limit is armed`, async (t) => {
      await attack(t, runs, name, ["memory"]);
      await survives(t, runs, `${name}, permitted`);
    });
  }
}
