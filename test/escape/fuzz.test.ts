// ISO-24: the bridge under structured random use, from inside real guests. Each run draws from a seed: which function of the
// context or of the globals, with which odd values, awaited or not, in which order. Whatever comes back is looked at: it must
// be of the guest's realm. No run may crash or hang, and the neighbour must not notice. Longer: MAYFLY_FUZZ_RUNS=500.
import { randomInt } from "node:crypto";
import t from "tap";
import { openRuns } from "../support/runs.ts";

const callsPerRun = 400;
const fixedSeeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const freshSeeds = Array.from({ length: Number(process.env.MAYFLY_FUZZ_RUNS ?? 4) }, () => randomInt(2 ** 31));

/** In the guest: the seed is `c.input`. */
const fuzzer = `
  let state = c.input | 1;
  const random = (below) => { state ^= state << 13; state ^= state >>> 17; state ^= state << 5; return (state >>> 0) % below; };
  const pick = (list) => list[random(list.length)];
  const noop = () => {};
  const texts = ["", "/", "/output/a", "/output/b", "/../etc/passwd", "/a/".repeat(50), "http://nobody.example/", "http://[::1]/", "file:///etc/passwd", "GET", "POST", "select 1", "__proto__", "constructor", "then", "toJSON",
    "\\ud800", "\\u0000", "x".repeat(5000), "x".repeat(70000), "%00", "data:,x", "blob:x", "é".repeat(300), "credential.fetch", '{"type":"done"}'];
  const numbers = [0, -0, 1, -1, 0.5, NaN, Infinity, 2 ** 31, 2 ** 53, -(2 ** 53), 1e308];
  const make = (depth) => {
    const kinds = depth <= 0 ? 6 : 24;
    switch (random(kinds)) {
      case 0: return pick(texts);
      case 1: return pick(numbers);
      case 2: return pick([undefined, null, true, false]);
      case 3: return pick([1n, -(2n ** 70n), Symbol("s"), Symbol.iterator, Symbol.for("nodejs.util.inspect.custom")]);
      case 4: return new Uint8Array(random(5000));
      case 5: return noop;
      case 6: return { path: make(depth - 1), method: make(depth - 1), body: make(depth - 1), headers: make(depth - 1), signal: make(depth - 1) };
      case 7: return Array.from({ length: random(6) }, () => make(depth - 1));
      case 8: return new Map([[make(depth - 1), make(depth - 1)]]);
      case 9: return new Set([make(depth - 1)]);
      case 10: { const o = { a: make(depth - 1) }; o.self = o; return o; }
      case 11: { let n = 0; return { get a() { n += 1; return n % 2 ? "/a" : { then() {} }; }, get then() { return n > 3 ? noop : undefined; } }; }
      case 12: return new Proxy({ a: make(depth - 1) }, { get: (target, key) => random(3) ? target[key] : make(depth - 2), ownKeys: (target) => Reflect.ownKeys(target) });
      case 13: { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy; }
      case 14: return { toString: () => pick(texts), valueOf: () => pick(numbers), [Symbol.toPrimitive]: () => pick(texts) };
      case 15: return { toString() { throw new Error("toString"); }, get length() { return random(1e9); } };
      case 16: return { then: (f) => f(make(depth - 1)), toJSON: () => make(depth - 1) };
      case 17: return new (class Odd extends Uint8Array { static get [Symbol.species]() { return Array; } })(random(50));
      case 18: return Object.assign(Object.create(pick([null, Array.prototype, Promise.prototype, Error.prototype])), { message: make(depth - 1), code: make(depth - 1) });
      case 19: return pick([new Date(NaN), new Date(0), /x/g, new Error("e", { cause: make(depth - 1) }), new AggregateError([make(depth - 1)])]);
      case 20: return pick([new ArrayBuffer(random(100), { maxByteLength: 100 }), new DataView(new ArrayBuffer(8)), new Float64Array(3)]);
      case 21: return pick([c, c.files, c.log, c.signal, globalThis, console, c.run, c.credential]);
      case 22: return kept[random(kept.length)];
      default: return JSON.parse('{"__proto__":{"a":1},"constructor":1,"' + pick(["then", "toJSON", "type"]) + '":"x"}');
    }
  };
  const kept = [null];
  const odd = [];
  const realm = new Set([Object.prototype, Function.prototype, Error.prototype, Array.prototype]);
  const look = (name, value) => {
    if (value === null || (typeof value !== "object" && typeof value !== "function")) return;
    try {
      if (/^(Isolate|Context|Reference|ExternalCopy|Callback|Socket|Buffer|process)$/.test(String(Object.prototype.toString.call(value)).slice(8, -1))) odd.push(name + " gave a host object");
      if (value instanceof Error && /node:|\\/tmp\\/|runtime\\/(core|adapters)|isolated/.test(String(value.stack))) odd.push(name + " names the host: " + value.stack);
    } catch (e) {}
    try {
      let at = value;
      for (let up = 0; at !== null && up < 20; up += 1) { if (realm.has(at)) { if (at === Object.prototype) return; } at = Object.getPrototypeOf(at); }
      if (at !== null) odd.push(name + ": no end of prototypes");
    } catch (e) { /* a revoked proxy of ours */ }
  };
  const targets = [];
  for (const [name, holder] of [["files", c.files], ["credential", c.credential], ["log", c.log], ["console", console], ["crypto", crypto]])
    for (const key of Object.getOwnPropertyNames(holder).concat(Object.getOwnPropertyNames(Object.getPrototypeOf(holder))))
      if (typeof holder[key] === "function" && key !== "constructor" && !key.startsWith("__")) targets.push([name + "." + key, (...args) => holder[key](...args)]);
  targets.push(["fetch", (...args) => c.fetch(...args)]);
  for (const key of ["atob", "btoa", "structuredClone", "clearTimeout", "clearInterval", "fetch"]) targets.push([key, (...args) => globalThis[key](...args)]);
  for (const key of Object.getOwnPropertyNames(globalThis).filter((name) => /^[A-Z]/.test(name)))
    if (/^(URL|URLSearchParams|Headers|Request|Response|TextEncoder|TextDecoder|AbortController|DOMException|Event|EventTarget|ReadableStream|TransformStream|WritableStream)$/.test(key)) {
      targets.push(["new " + key, (...args) => { const made = new globalThis[key](...args); kept.push(made); if (kept.length > 40) kept.shift(); return made; }]);
    }
  targets.push(["setTimeout", (a, b) => setTimeout(noop, b)], ["queueMicrotask", () => queueMicrotask(noop)]);
  // Methods of what was given before.
  targets.push(["a method", (...args) => { const of = pick(kept); if (of === null || of === undefined) return; const names = Object.getOwnPropertyNames(Object.getPrototypeOf(of) ?? {}); const name = pick(names.length ? names : ["x"]); if (name !== "constructor" && typeof of[name] === "function") return of[name](...args); }]);
  const pending = [];
  const used = new Set();
  for (let i = 0; i < ${callsPerRun}; i += 1) {
    const [name, call] = pick(targets);
    used.add(name);
    let value;
    try { value = call(...Array.from({ length: random(4) }, () => make(3))); } catch (e) { value = e; }
    look(name, value);
    if (value instanceof Promise) {
      const settled = value.then((v) => { look(name, v); kept.push(v); if (kept.length > 40) kept.shift(); }, (e) => look(name, e));
      pending.push(settled);
      if (random(3) === 0) await Promise.race([settled, new Promise((f) => setTimeout(f, 20))]);
    }
  }
  await Promise.race([Promise.all(pending), new Promise((f) => setTimeout(f, 1000))]);
  return { odd: odd.slice(0, 20), used: used.size, targets: targets.length };
`;

const runs = await openRuns({
  fuzz: {
    body: fuzzer,
    limits: { wallMs: 60_000, cpuMs: 60_000, memoryBytes: 256 << 20, logBytes: 8 << 20 },
    network: ["GET http://nobody.example/*"],
  },
  leaking: {
    body: fuzzer.replace(
      "const pending = [];",
      'targets.length = 0; targets.push(["planted", () => Object.assign({}, { [Symbol.toStringTag]: "Reference" })]); const pending = [];',
    ),
    limits: { wallMs: 60_000, cpuMs: 60_000 },
  },
});

t.test("[ISO-24] random calls with random values, in random order, from inside a guest", async (t) => {
  const neighbour = await runs.neighbour();
  let whole = 0;
  for (const seed of [...fixedSeeds, ...freshSeeds]) {
    const record = await runs.run("fuzz", seed);
    // A callback of a stream that is given nonsense may reject with nobody to hear it: the job's own fault.
    const own = record.state === "succeeded" || record.error?.code === "job_threw";
    t.ok(own, `seed ${seed}: ${record.error?.code ?? record.state} ${record.error?.message ?? ""}`);
    if (record.state !== "succeeded") {
      t.comment(`seed ${seed} ended early: ${record.error?.message}`);
      continue;
    }
    whole += 1;
    const { odd, used, targets } = record.result as { odd: string[]; used: number; targets: number };
    t.same(odd, [], `seed ${seed}: nothing of the host`);
    t.ok(used > targets / 2, `seed ${seed}: ${used} of ${targets} functions were called`);
  }
  t.ok(whole >= (fixedSeeds.length + freshSeeds.length) / 2, `${whole} runs went to their end`);
  t.match(
    await neighbour.done(),
    { state: "succeeded", result: { own: neighbour.own } },
    "the neighbour didn't notice",
  );
});

t.test("[ISO-24] the look at what comes back isn't blind: a planted object of the host's kind is found", async (t) => {
  const { result } = await runs.run("leaking", 1);
  t.match((result as { odd: string[] }).odd[0], /planted gave a host object/);
});

t.test("what all of them left behind", (t) => runs.end(t));
