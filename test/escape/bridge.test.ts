// ISO-05 to ISO-14, ISO-17: values that cross the bridge. What comes down is the guest's own and says nothing of the host;
// what goes up is data by the time it has left the isolate, whatever it pretends to be, and no host object changes by it.
import t from "tap";
import { openRuns } from "../support/runs.ts";

const everyCapability = `
  const outcomes = [];
  const attempt = async (name, action) => { try { const v = await action(); outcomes.push(name); return v; } catch (e) { outcomes.push(name + ": " + (e && e.code)); } };
  const all = async () => {
    await attempt("write", () => c.files.write("/output/a.txt", "text"));
    await attempt("append", () => c.files.append("/output/a.txt", new Uint8Array([33])));
    await attempt("read", () => c.files.readText("/output/a.txt"));
    await attempt("mkdir", () => c.files.mkdir("/d"));
    await attempt("list", () => c.files.list("/"));
    await attempt("stat", () => c.files.stat("/none"));
    await attempt("remove", () => c.files.remove("/d"));
    await attempt("missing", () => c.files.read("/none"));
    await attempt("outside", () => c.files.read("/../../etc/passwd"));
    await attempt("fetch", () => c.fetch("http://nobody.example/"));
    await attempt("credential", () => c.credential.fetch());
    await attempt("query", () => c.credential.query("select 1"));
    c.log.info("said", { a: 1 });
  };
`;
const wanted = [
  "write",
  "append",
  "read",
  "mkdir",
  "list",
  "stat",
  "remove",
  "missing: not_found",
  "outside: path",
  "fetch: not_allowed",
  "credential: grant",
  "query: grant",
];

const pollutions: Record<string, string> = {
  "Object.prototype":
    'for (const k of ["toJSON", "then", "code", "type", "id", "op", "args", "ok", "error", "path", "mode", "issuer", "nowMs"]) Object.defineProperty(Object.prototype, k, { value: () => "polluted", writable: true, configurable: true });',
  "Object.prototype's accessors":
    'Object.defineProperty(Object.prototype, "callId", { get() { throw new Error("read"); }, set() { throw new Error("set"); }, configurable: true });',
  "Array.prototype":
    'for (const k of ["map", "push", "forEach", "slice", "join", "filter", "includes", "toJSON"]) Array.prototype[k] = () => { throw new Error("polluted"); };',
  "the array's iterator": "Array.prototype[Symbol.iterator] = function* () { yield ['x-evil', 'y']; };",
  Promise:
    "Promise.prototype.then = function () { return 1; }; Promise.resolve = () => 1; globalThis.Promise = class {};",
  "Map and Set":
    "for (const k of ['get', 'set', 'has', 'delete']) { Map.prototype[k] = () => 'polluted'; Set.prototype[k] = () => true; }",
  JSON: 'JSON.stringify = () => \'{"type":"done"}\'; JSON.parse = () => ({ id: 1, ok: true });',
  "String and RegExp":
    "String.prototype.replace = () => 'polluted'; String.fromCharCode = () => 'x'; RegExp.prototype.exec = () => null; RegExp.prototype[Symbol.replace] = () => '';",
  "Reflect and Function":
    "Reflect.apply = () => 1; Function.prototype.call = () => 1; Function.prototype.apply = () => 1; Object.defineProperty = () => ({}); Object.keys = () => ['a'];",
  "typed arrays":
    "Object.defineProperty(Uint8Array, Symbol.hasInstance, { value: () => true }); Uint8Array.prototype.subarray = () => [1]; globalThis.Uint8Array = Array;",
  Error:
    "globalThis.Error = class { constructor() { return new Proxy({}, { get() { throw 1; } }); } }; Object.defineProperty(Error, Symbol.hasInstance, { value: () => { throw 2; } });",
};

const runs = await openRuns({
  errors: {
    body: `
      const seen = [];
      for (const action of [() => c.files.read("/none"), () => c.files.read("/../etc/passwd"), () => c.fetch("http://nobody.example/"), () => c.credential.fetch(), () => c.files.write("/output", "x"), () => c.files.read("a".repeat(5000))]) {
        try { await action(); } catch (e) {
          seen.push({ code: e.code, own: Reflect.ownKeys(e).map(String).sort(), message: e.message, stack: String(e.stack), cause: e.cause === undefined,
            isError: e instanceof Error, chain: Object.getPrototypeOf(Object.getPrototypeOf(e)) === Error.prototype, realm: e.constructor.constructor === Function });
        }
      }
      return seen;
    `,
  },
  control: { body: `${everyCapability} await all(); return outcomes;` },
  ...Object.fromEntries(
    Object.entries(pollutions).map(([name, code]) => [
      `pollution of ${name}`,
      { body: `${everyCapability} ${code} await all(); return "ended";`, limits: { wallMs: 2_000 } },
    ]),
  ),
  "toJSON for all": {
    body: `${everyCapability} Object.prototype.toJSON = () => "polluted"; await all(); delete Object.prototype.toJSON; return outcomes;`,
  },
  "clean?": {
    body: `${everyCapability} await all(); return { outcomes, toJSON: ({}).toJSON === undefined, keys: Object.keys(globalThis) };`,
  },
  keys: {
    body: 'await c.files.write("/output/a", "a"); return JSON.parse(\'{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 2}}, "toJSON": "text", "then": "text", "hasOwnProperty": 1}\');',
  },
  "keys in a log": {
    body: 'c.log.info("m", JSON.parse(\'{"__proto__": 1, "constructor": 2, "toJSON": 3}\')); console.log({ __proto__: { a: 1 }, b: 2 }); return 1;',
  },
  toJSON: { body: "return { a: { toJSON: 'data', b: 1 } };" },
  "toJSON that lies": { body: "return { a: { toJSON() { return 'replaced'; } } };" },
  thenable: { body: "return { then: 1, value: 2 };" },
  "thenable inside": { body: "return { inner: { then(f) { f('called'); } } };" },
  "thenable awaited": { body: "return { then(f) { f({ then(g) { g('the value'); } }); } };" },
  accessor: { body: "let n = 0; return { get a() { n += 1; return n; }, b: [{ get c() { n += 1; return n; } }] };" },
  proxy: {
    body: "let n = 0; return new Proxy({ a: 1, b: 2 }, { get(target, key) { n += 1; return key === 'then' ? undefined : 'read ' + n; }, ownKeys: () => ['a', 'b'] });",
  },
  "an argument that changes": {
    body: `
      let n = 0, m = 0;
      const path = { toString() { n += 1; return n === 1 ? "/output/ok" : "/../etc/passwd"; } };
      const a = await c.files.write(path, "x").then(() => "written", (e) => e.code);
      const b = await c.files.read(new Proxy([], { get() { return "/etc/passwd"; } })).then(() => "read", (e) => e.code ?? e.name);
      const d = await c.fetch({ toString() { m += 1; return m === 1 ? "http://allowed.example/" : "http://other.example/"; } }).then(() => "fetched", (e) => e.code);
      const list = await c.credential.query({ toString: () => "select 1" }).catch((e) => e.code);
      return { a, b, d, list, n };
    `,
    network: ["GET http://allowed.example/*"],
  },
  symbols: {
    body: `
      const trapped = [];
      const evil = (extra) => ({ [Symbol.toPrimitive]() { trapped.push("primitive"); return "/x"; }, get [Symbol.toStringTag]() { trapped.push("tag"); return "x"; }, [Symbol.iterator]: function* () { trapped.push("iterator"); yield 1; },
        [Symbol.for("nodejs.util.inspect.custom")]() { trapped.push("inspect"); return "INSPECTED"; }, ...extra });
      console.log(evil({ a: 1 }), Object.assign(() => {}, { [Symbol.for("nodejs.util.inspect.custom")]: () => "INSPECTED" }));
      class Species extends Uint8Array { static get [Symbol.species]() { trapped.push("species"); return Array; } }
      await c.files.write("/output/s", Species.from([115]));
      const text = await c.files.readText("/output/s");
      return { trapped: trapped.filter((each) => each === "inspect"), text };
    `,
  },
  "promises of another kind": {
    body: `
      class Mine extends Promise { static get [Symbol.species]() { return Mine; } then(f, r) { return super.then(f && ((v) => f(v)), r); } }
      const a = await Mine.resolve(c.files.stat("/"));
      const list = await Array.fromAsync([c.files.stat("/"), c.files.list("/")]);
      const any = await Promise.any([c.files.read("/none"), c.files.stat("/")]);
      const bad = await Promise.any([c.files.read("/none")]).catch((e) => [e.constructor.name, e.errors[0].code, e.errors[0].constructor.constructor === Function]);
      const later = async () => c.files.stat("/");
      const own = await (async () => { const p = later(); p.then = (f) => Promise.prototype.then.call(p, (v) => f({ kind: v.kind + ", through an own then" })); return new Promise((f) => f(p)); })();
      Object.defineProperty(Promise, Symbol.species, { value: class { constructor(run) { run((v) => globalThis.seen = v, () => {}); } }, configurable: true });
      const species = c.files.stat("/").then((v) => v.kind);
      return { a: a.kind, list: list.length, any: any.kind, bad, own: own.kind, species: typeof species };
    `,
  },
  nesting: {
    body: `
      const inner = await c.files.read("/none").catch((e) => e);
      const aggregate = new AggregateError([inner], "several", { cause: new Error("second", { cause: inner }) });
      if (typeof SuppressedError !== "undefined") aggregate.suppressed = new SuppressedError(inner, aggregate, "x");
      throw aggregate;
    `,
  },
  disposing: {
    body: `
      const seen = [];
      const look = (e) => { seen.push([e.constructor.name, e.code ?? null, e.constructor.constructor === Function, /node:|\\/tmp\\/|runtime\\//.test(String(e.stack))]); if (e.error) look(e.error); if (e.suppressed) look(e.suppressed); };
      try { (0, eval)("globalThis.f = async (c) => { await using a = { [Symbol.asyncDispose]: () => c.files.read('/none') }; await c.credential.fetch(); }"); await f(c); } catch (e) { look(e); }
      try { (0, eval)("globalThis.g = (c) => { using a = { [Symbol.dispose]() { throw new Error('second'); } }; c.log.info('x', { get y() { throw new Error('first'); } }); }"); g(c); } catch (e) { look(e); }
      return seen;
    `,
  },
  "a map elsewhere": { body: 'throw new Error("mapped");\n//# sourceMappingURL=file:///etc/passwd\n' },
  "a name of a file of the host": { body: "//# sourceURL=/etc/passwd\nthrow new Error('named');" },
  "evaluated under a name": { body: "(0, eval)('throw new Error(\"x\") //# sourceURL=/home/operator/secret.ts');" },
  ...Object.fromEntries(
    Object.entries({
      cyclic: "const o = {}; o.self = o; return o;",
      bigint: "return { a: [1n] };",
      nan: "return { a: NaN };",
      infinite: "return [-Infinity];",
      function: "return { f() {} };",
      symbol: "return Symbol('x');",
      map: "return { m: new Map([[1, 2]]) };",
      instance: "return new (class Report { a = 1; })();",
      buffer: "return new Uint8Array(4);",
      promise: "return { p: Promise.resolve(1) };",
    }).map(([name, body]) => [`no JSON: ${name}`, { body }]),
  ),
  "cached data": { body: `} }); ${Buffer.from([0xde, 0x06, 0xde, 0xc0, 1, 2, 3, 4]).toString("latin1")}` },
  surrogates: { body: 'return { a: "\\ud800", b: "\\udc00x", c: "\\ud83d\\ude00" };' },
});

const hostPrototypes = () =>
  [Object.prototype, Array.prototype, Function.prototype, Promise.prototype, Map.prototype, String.prototype].map(
    (prototype) => Reflect.ownKeys(prototype).length,
  );
const before = hostPrototypes();

t.test("[ISO-05] errors of capabilities: the guest's own, with a code, and no word on the host", async (t) => {
  const { result } = await runs.run("errors");
  const seen = result as {
    code: string;
    own: string[];
    message: string;
    stack: string;
    cause: boolean;
    isError: boolean;
    chain: boolean;
    realm: boolean;
  }[];
  t.same(
    seen.map((each) => each.code),
    ["not_found", "path", "not_allowed", "grant", "is_directory", "call_invalid"],
  );
  for (const { own, message, stack, cause, isError, chain, realm } of seen) {
    t.same(own, ["code", "message", "name", "stack"]);
    t.ok(cause && isError && chain && realm, "of the guest's realm, without a cause");
    t.notMatch(`${message}\n${stack}`, /\/tmp\/|\/home|\/work|\.mayfly|node:|runtime\/|executor|isolated/);
    for (const line of stack.split("\n").filter((each) => /^ +at /.test(each)))
      t.match(line, /mayfly:guest|job\.js|<anonymous>|async/);
  }
});

t.test("what every capability answers to a job that plays by the rules", async (t) => {
  t.same((await runs.run("control")).result, wanted);
});

for (const name of Object.keys(pollutions)) {
  t.test(
    `[ISO-07] pollution of ${name}, then every capability: the job may break itself, and nothing else`,
    async (t) => {
      const record = await runs.run(`pollution of ${name}`);
      t.ok(["succeeded", "failed", "limit"].includes(record.state));
      t.ok(
        [undefined, "job_threw", "timeout", "job_shape"].includes(record.error?.code),
        `${record.error?.code}: ${record.error?.message}`,
      );
      t.ok(record.denials.every((denial) => ["path", "not_allowed", "grant", "call_invalid"].includes(denial.code)));
      t.same(hostPrototypes(), before, "the host's prototypes are as they were");
      t.match((await runs.run("clean?")).result, { outcomes: wanted, toJSON: true, keys: [] }, "the next run is clean");
    },
  );
}

t.test(
  "[ISO-07] [ISO-08] a toJSON that all objects have: what the host hears is what was asked all the same",
  async (t) => {
    const record = await runs.run("toJSON for all");
    // Lists within the arguments, of headers and of parameters, are the job's own and speak as the job lets them.
    const plain = (outcomes: readonly string[]) => outcomes.filter((outcome) => !/^(fetch|query)/.test(outcome));
    t.same(plain(record.result as string[]), plain(wanted));
  },
);

t.test("[ISO-08] keys that mean something to the language are data in a result", async (t) => {
  const record = await runs.run("keys");
  t.equal(
    JSON.stringify(record.result),
    '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}},"toJSON":"text","then":"text","hasOwnProperty":1}',
  );
  t.equal(({} as Record<string, unknown>).polluted, undefined);
  t.same(hostPrototypes(), before);
  t.match(await runs.logs(await runs.run("keys in a log")), ["m __proto__=1 constructor=2 toJSON=3", /b: 2/]);
});

t.test("[ISO-08] [ISO-09] toJSON and then, as data and as functions", async (t) => {
  t.same((await runs.run("toJSON")).result, { a: { toJSON: "data", b: 1 } });
  t.match(await runs.run("toJSON that lies"), {
    state: "failed",
    error: { code: "job_shape", message: /toJSON is a function/ },
  });
  t.same(JSON.stringify((await runs.run("thenable")).result), '{"then":1,"value":2}');
  t.match(await runs.run("thenable inside"), { state: "failed", error: { code: "job_shape" } });
  t.equal((await runs.run("thenable awaited")).result, "the value", "awaited in the guest, as by any async function");
});

t.test("[ISO-10] accessors and Proxies are read once", async (t) => {
  t.same((await runs.run("accessor")).result, { a: 1, b: [{ c: 2 }] });
  t.same((await runs.run("proxy")).result, { a: "read 2", b: "read 3" }, "`then`, `a` and `b`, each of them once");
  const { result, denials } = await runs.run("an argument that changes");
  t.match(result, { b: /path|call_invalid|TypeError/, list: "call_invalid" });
  t.notMatch(JSON.stringify(result), /"read"|fetched/);
  t.notMatch(JSON.stringify(denials), /other\.example/, "what was checked is what was asked");
});

t.test("[ISO-11] [ISO-12] symbols that a host would call: inspect.custom, species, toPrimitive", async (t) => {
  const record = await runs.run("symbols");
  t.same(record.result, { trapped: [], text: "s" });
  t.notMatch((await runs.logs(record)).join(), /INSPECTED/);
});

t.test("[ISO-13] promises of another class, fromAsync and any, over capabilities", async (t) => {
  t.same((await runs.run("promises of another kind")).result, {
    a: "directory",
    list: 2,
    any: "directory",
    bad: ["AggregateError", "not_found", true],
    own: "directory, through an own then",
    species: "object",
  });
});

t.test("[ISO-14] host errors nested in the job's own", async (t) => {
  const record = await runs.run("nesting");
  t.match(record, { state: "failed", error: { code: "job_threw", message: "AggregateError: several" } });
  t.notMatch(JSON.stringify(record.error), /node:|\/tmp\/|runtime\/|mayfly:guest/);
});

t.test("[ISO-14] what is disposed of while a host error passes: both errors are the guest's own", async (t) => {
  const seen = (await runs.run("disposing")).result as [string, string | null, boolean, boolean][];
  t.ok(seen.length >= 3, JSON.stringify(seen));
  t.ok(
    seen.some(([name]) => name === "SuppressedError"),
    "one is in the other",
  );
  for (const [name, , own, leaks] of seen) t.same([own, leaks], [true, false], name);
});

t.test("[ISO-17] a job that says where its source map is, and one that is V8's cached data", async (t) => {
  const mapped = await runs.run("a map elsewhere");
  t.match(mapped, { state: "failed", error: { code: "job_threw", message: "mapped" } });
  t.notMatch(JSON.stringify(mapped.error), /root:|passwd/);
  // What V8 writes begins with this number and holds no source: here it is text, and no program.
  const cached = await runs.run("cached data");
  t.match(cached, { state: "failed", error: { code: "job_threw", message: /SyntaxError/ } });
});

t.test("[ISO-17] a job that calls its source a file of the host: that file is neither named nor read", async (t) => {
  const first = await runs.run("a name of a file of the host");
  const second = await runs.run("evaluated under a name");
  for (const { error } of [first, second]) t.notMatch(JSON.stringify(error), /passwd|secret\.ts|root:/);
});

for (const name of [
  "cyclic",
  "bigint",
  "nan",
  "infinite",
  "function",
  "symbol",
  "map",
  "instance",
  "buffer",
  "promise",
]) {
  t.test(`[RES-11] [ISO-10] a result that is no JSON: ${name}; it is refused, and says where`, async (t) => {
    const record = await runs.run(`no JSON: ${name}`);
    t.match(record, { state: "failed", result: null, error: { code: "job_shape", message: /result/ } });
  });
}

t.test("[RES-11] lone surrogates in a result come through as data", async (t) => {
  t.same((await runs.run("surrogates")).result, { a: "\ud800", b: "\udc00x", c: "😀" });
});

t.test("what all of them left behind", (t) => runs.end(t));
