// Kinds that misuse what a job has without asking anybody: time, memory, the language, its own result.
import { type Kind, pick } from "./kind.ts";

const brief = 100;

const time: Kind[] = [
  { name: "loop", body: "for (;;);", endsBy: ["cpu"], wallMs: brief },
  { name: "await-loop", body: "for (;;) await null;", endsBy: ["cpu", "memory"], wallMs: brief },
  {
    name: "then-chain",
    body: "const f = () => Promise.resolve().then(f); await f();",
    endsBy: ["cpu", "memory"],
    wallMs: brief,
  },
  {
    name: "microtask-storm",
    body: "const f = () => { queueMicrotask(f); queueMicrotask(() => {}); }; f(); await new Promise(() => {});",
    endsBy: ["cpu", "memory"],
    wallMs: brief,
  },
  {
    name: "regex",
    body: "return new RegExp(c.input.pattern).test(c.input.unit.repeat(c.input.count) + '!');",
    input: (random) => ({
      ...pick(random, [
        { pattern: "^(a+)+$", unit: "a" },
        { pattern: "^(a|aa)+$", unit: "a" },
        { pattern: "^(.*a){20}$", unit: "a" },
        { pattern: "^(\\w+\\s?)*$", unit: "ab" },
        { pattern: "(?=(a+))*\\1*b$", unit: "a" },
      ]),
      count: 25 + random.below(60),
    }),
    endsBy: ["ok", "cpu", "memory"],
    wallMs: brief,
  },
  {
    name: "uninterruptible",
    body: `switch (c.input.which) {
      case 0: { const x = 3n ** BigInt(c.input.size); for (;;) (x * x).toString(); }
      case 1: { const a = Array.from({ length: c.input.size }, (_, i) => (i * 7919) % 104729); for (;;) a.sort((x, y) => (x ^ y) & 1 || -1); }
      case 2: { const s = "ab".repeat(c.input.size); for (;;) s.replace(/(a?b?)+c/, ""); }
      case 3: { const s = "\\u0344".repeat(c.input.size); for (;;) s.normalize("NFC"); }
      case 4: { const t = new Float64Array(c.input.size); for (;;) t.fill(1).reverse(); }
      default: { const a = Array(c.input.size).fill("x"); for (;;) a.join(","); }
    }`,
    input: (random) => ({ which: random.below(6), size: 10_000 + random.below(100_000) }),
    endsBy: ["cpu", "memory", "crash"],
    wallMs: brief,
  },
  { name: "never-settles", body: "await new Promise(() => {});", endsBy: [], wallMs: brief },
  {
    name: "busy-timers",
    body: "setInterval(() => { for (let i = 0; i < 1e5; i++); }, 0); await new Promise(() => {});",
    endsBy: ["cpu"],
    wallMs: brief,
  },
  {
    name: "timers",
    body: "const all = []; for (let i = 0; i < c.input; i++) all.push(setTimeout(() => {}, i % 2 ? 2 ** 31 : 1e6)); return all.length;",
    input: (random) => 100 + random.below(30_000),
    endsBy: ["ok", "job_threw", "memory", "calls"],
  },
  {
    name: "ignores-signal",
    body: "c.signal.addEventListener('abort', () => { for (;;); }); await new Promise(() => {});",
    endsBy: ["cpu"],
    wallMs: brief,
  },
  {
    name: "leaves-work",
    body: "setInterval(() => c.log.info('late'), 1); for (let i = 0; i < c.input; i++) c.files.stat('/output').catch(() => {}); return 'left';",
    input: (random) => random.below(200),
    endsBy: ["ok"],
  },
];

const memory: Kind[] = [
  {
    name: "heap",
    body: `const kept = [];
    for (let i = 0; ; i++) switch (c.input) {
      case 0: kept.push({ i, a: [i] }); break;
      case 1: kept.push("x".repeat(1_000) + i); break;
      case 2: kept.push(() => kept[i]); break;
      case 3: kept.push(new Map([[i, {}]])); break;
      case 4: kept.push(new Array(1_000).fill(i)); break;
      default: kept[i * 7] = { i };
    }`,
    input: (random) => random.below(6),
    endsBy: ["memory", "cpu"],
  },
  {
    name: "off-heap",
    body: `const kept = [];
    for (;;) switch (c.input) {
      case 0: kept.push(new Uint8Array(1 << 20).fill(1)); break;
      case 1: kept.push(new Uint8Array(64).fill(1)); break;
      default: kept.push(new ArrayBuffer(1 << 22)); new Uint8Array(kept.at(-1)).fill(2);
    }`,
    input: (random) => random.below(3),
    endsBy: ["memory", "cpu"],
  },
  {
    name: "string-doubling",
    body: "let s = 'x'; for (;;) { s += s; s.charCodeAt(s.length - 1); }",
    endsBy: ["memory", "job_threw", "cpu", "crash"],
  },
  {
    name: "recursion",
    body: "const f = (n) => 1 + f(n + 1); for (;;) { try { f(0); } catch {} }",
    endsBy: ["cpu", "memory"],
    wallMs: brief,
  },
  {
    name: "abort-of-the-process",
    body: "switch (c.input) { case 0: return 'a'.repeat(2 ** 28).split('').length; case 1: return new Array(2 ** 25).fill(0).map(() => ({})).length; default: return JSON.stringify('\\u0001'.repeat(2 ** 26)).length; }",
    input: (random) => random.below(3),
    endsBy: ["memory", "crash", "cpu", "job_threw"],
  },
];

const results: Kind[] = [
  {
    name: "result",
    body: `switch (c.input.which) {
      case 0: return "x".repeat(c.input.size);
      case 1: { let deep = {}; const top = deep; for (let i = 0; i < c.input.size; i++) deep = deep.a = {}; return top; }
      case 2: { const a = { list: [] }; a.list.push(a); return a; }
      case 3: return 10n ** BigInt(c.input.size % 1_000);
      case 4: return [NaN, Infinity, undefined, -0, "\\ud800"];
      case 5: return () => 1;
      case 6: return new (class Strange { get x() { throw new Error("no"); } })();
      case 7: return { toJSON() { for (;;); } };
      case 8: return new Proxy({}, { ownKeys() { throw new Error("trap"); } });
      case 9: return { then(f) { f(c.input.size); } };
      default: return Object.fromEntries(Array.from({ length: c.input.size }, (_, i) => ["k" + i, i]));
    }`,
    input: (random) => ({ which: random.below(11), size: random.below(100_000) }),
    endsBy: ["ok", "output", "job_shape", "job_threw", "memory", "cpu"],
    wallMs: 500,
  },
  {
    name: "throws",
    body: `switch (c.input) {
      case 0: throw null;
      case 1: throw undefined;
      case 2: throw Symbol("odd");
      case 3: throw { get message() { throw new Error("again"); } };
      case 4: throw new Proxy(new Error("p"), { get() { throw new Error("trap"); } });
      case 5: throw Object.assign(new Error("x".repeat(1e6)), { stack: "y".repeat(1e6), name: {} });
      case 6: throw new AggregateError([new Error("a"), 1], "several");
      case 7: Error.prepareStackTrace = () => { throw new Error("stack"); }; throw new Error("staged");
      case 8: throw "\\u001b[2J\\n\\u2028\\ud800";
      default: { const e = new Error("cause"); e.cause = e; throw e; }
    }`,
    input: (random) => random.below(10),
    endsBy: ["job_threw"],
  },
  {
    name: "unhandled-rejections",
    body: "for (let i = 0; i < c.input; i++) Promise.reject(new Error('nobody')); await new Promise((f) => setTimeout(f, 50)); return 1;",
    input: (random) => 1 + random.below(2_000),
    endsBy: ["job_threw", "ok"],
  },
  {
    name: "prototype-games",
    body: `for (const proto of [Object.prototype, Array.prototype, Promise.prototype, Map.prototype, Function.prototype, String.prototype]) {
      for (const key of ["then", "toJSON", "id", "op", "args", "ok", "type", "get", "push", "constructor"]) {
        if (c.input % 2) try { proto[key] = () => { throw new Error("polluted"); }; } catch {}
        else try { Object.defineProperty(proto, key, { get() { return "polluted"; }, configurable: true }); } catch {}
      }
    }
    await c.files.write("/output/a", "b").catch(() => {}); await c.fetch("http://nobody.example/").catch(() => {});
    c.log.info({}); console.log([1], new Map()); return { a: 1 };`,
    input: (random) => random.below(4),
    endsBy: ["ok", "job_threw", "output", "crash"],
    wallMs: 500,
  },
  {
    name: "way-out",
    body: `const found = [];
    for (const value of [c, c.log, c.files, c.fetch, c.signal, console, setTimeout, new Error("e"), Promise.resolve(), async () => {}]) {
      try { found.push(typeof value.constructor.constructor("return typeof process + typeof require + typeof globalThis.Buffer")()); } catch (e) { found.push(e.name); }
    }
    for (const spec of ["node:fs", "data:text/javascript,1", "file:///etc/passwd", "./x"]) { try { await import(spec); return "imported"; } catch {} }
    if (typeof process !== "undefined" || typeof require !== "undefined" || typeof WebAssembly !== "undefined" || typeof Worker !== "undefined") throw new Error("reached");
    return found.length;`,
    endsBy: ["ok"],
  },
];

export const computing: readonly Kind[] = [...time, ...memory, ...results];
