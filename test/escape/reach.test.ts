// ISO-01 to ISO-04, ISO-15, ISO-16, ISO-18, ISO-23: what a job can lay its hands on. Everything reachable is compared with
// a context of V8 that nothing was added to, and with the checked-in lists of walk.ts: what is native and not the
// language's own would be the host's.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";
import t from "tap";
import { isRunning, readStat } from "../../runtime/adapters/system/proc.ts";
import { openRuns } from "../support/runs.ts";
import { contextShape, guestGlobals, intrinsics, type Reached, walk } from "./walk.ts";

const fromEverything = (value: string) => `
  const found = [];
  for (const [name, thing] of Object.entries({ fetch: c.fetch, read: c.files.read, log: c.log.info, promise: c.files.stat("/"), input: c.input,
    array: c.input.list, signal: c.signal, url: new URL("http://a/"), text: new TextEncoder().encode("a"), error: await c.files.read("/none").catch((e) => e),
    answer: await c.files.stat("/"), bytes: await c.files.write("/a", "a").then(() => c.files.read("/a")), list: await c.files.list("/"),
    thrown: await c.credential.fetch().catch((e) => e), context: c, console: console.log, timer: setTimeout })) {
    ${value}
  }
  return found;
`;

const runs = await openRuns({
  walk: {
    body: `
      const walk = ${walk};
      const roots = [...${intrinsics}, ["globalThis", globalThis], ["c", c],
        ["error", await c.files.read("/none").catch((e) => e)], ["denied", await c.credential.fetch().catch((e) => e)],
        ["answer", await c.files.stat("/")], ["pending", c.files.stat("/")], ["abort", c.signal]];
      const shape = Object.keys(c).flatMap((key) => key === "signal" || typeof c[key] !== "object" || c[key] === null ? [key] : Object.keys(c[key]).map((inner) => key + "." + inner)).sort();
      const globals = Object.getOwnPropertyNames(globalThis).sort();
      const functions = [], { race, resolve } = Promise, wait = setTimeout;
      walk(roots, (path, value) => functions.push([path, value]));
      onerror = () => true; // "reportError" is one of them
      // Each function is called and constructed, and what it gives, throws or promises is walked too.
      const given = [];
      for (const [path, f] of functions) {
        for (const make of [() => f(), () => new f(), () => f.call({}, "x", {}, 1), () => f.call(f, () => {})]) {
          let value;
          try { value = make(); } catch (e) { value = e; }
          if (value instanceof Promise) value = await race.call(Promise, [value.catch((e) => e), new Promise((f) => wait(f, 5))]);
          given.push([path + "()", value]);
        }
      }
      return { reached: walk([...roots, ...given]), called: functions.length, shape, globals };
    `,
    limits: { wallMs: 60_000, cpuMs: 60_000, resultBytes: 8 << 20 },
  },
  constructors: {
    body: fromEverything(`
      for (const attempt of ["return typeof process", "return typeof require", "return this === globalThis", "return typeof module + typeof Buffer + typeof global"]) {
        let F; try { F = thing.constructor.constructor; found.push([name, F === Function, F(attempt)()]); } catch (e) { found.push([name, "error", String(e.message)]); }
      }
      const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
      found.push([name, "async", await new AsyncFunction("return typeof process")()]);
    `),
  },
  names: {
    body: 'return ["require", "process", "module", "exports", "global", "Buffer", "Deno", "Bun", "__dirname", "__filename", "ivm", "isolate", "WebAssembly", "SharedArrayBuffer", "Atomics", "Worker", "BroadcastChannel", "importScripts", "setImmediate", "__mayflyRegister", "__mayflyNode", "guest", "boot", "FileReader", "WebSocket", "EventSource", "XMLHttpRequest"].filter((name) => eval("typeof " + name) !== "undefined");',
  },
  hidden: {
    body: `
      // Other ways to what was deleted from the global object.
      const found = [];
      const ways = ["new SharedArrayBuffer(8)", "WebAssembly.Module", "Atomics.wait", "import.meta", "globalThis.constructor.constructor('return WebAssembly')()",
        "(0, eval)('WebAssembly')", "new ShadowRealm().evaluate('1')", "new (Object.getPrototypeOf(Int8Array))().buffer.constructor === SharedArrayBuffer", "new Worker('x')", "WebAssembly.JSTag", "WebAssembly.promising"];
      for (const way of ways) { try { new Function("return " + way)(); found.push(way); } catch {} }
      return found;
    `,
  },
  imports: {
    body: `
      const found = [];
      for (const name of ["node:fs", "fs", "data:text/javascript,export default 1", "file:///etc/passwd", "http://127.0.0.1/x.js", "isolated-vm", "./job.js", "../package.json", "/etc/passwd"]) {
        try { await import(name); found.push(name); } catch (e) { if (/\\/home|\\/work|node:internal|runtime\\//.test(String(e.stack))) found.push(e.stack); }
      }
      return found;
    `,
  },
  debugger: { body: "debugger; return 'went on';" },
  "call sites": {
    body: `
      const found = [];
      Error.prepareStackTrace = (error, sites) => sites.map((site) => {
        const f = site.getFunction?.(), self = site.getThis?.();
        return { file: site.getFileName(), origin: site.getEvalOrigin?.() ?? null, fn: typeof f, self: self === undefined || self === globalThis ? "none" : typeof self, name: site.getFunctionName() };
      });
      const take = (error) => { if (Array.isArray(error.stack)) found.push(...error.stack); };
      take(new Error("x"));
      try { null.x; } catch (e) { take(e); }
      try { c.log.info({ get a() { take(new Error("inside")); return 1; } }); } catch (e) { take(e); }
      try { structuredClone({ get a() { take(new Error("clone")); return 1; } }); } catch {}
      try { new URL({ toString() { take(new Error("url")); return "x:"; } }); } catch {}
      try { new Headers([[{ toString() { take(new Error("header")); return "a"; } }, "b"]]); } catch {}
      await c.files.read("/none").catch(take);
      await c.credential.fetch().catch(take);
      await new Promise((f) => setTimeout(() => { take(new Error("timer")); f(); }, 1));
      return found;
    `,
  },
  caller: {
    body: `
      let found = [];
      const look = function look() { let at = look; for (let i = 0; i < 9 && at; i++) { try { at = at.caller; } catch { break; } if (typeof at === "function") found.push(at.name + " " + String(at).slice(0, 60)); } return 1; };
      c.log.info({ get a() { return look(); } });
      new URL({ toString: () => { look(); return "a:b"; } });
      return found.filter((each) => !/^(look|a|run|toString|get a) /.test(each));
    `,
  },
  clock: {
    body: `
      const clocks = {
        date: () => Date.now(), text: () => new Date().getTime(), event: () => new Event("x").timeStamp, performance: () => performance.now(), file: () => new File([], "x").lastModified, signal: () => Number(new Date()),
        instant: () => Number(Temporal.Now.instant().epochNanoseconds) / 1e6, zoned: () => Number(Temporal.Now.zonedDateTimeISO("UTC").epochNanoseconds) / 1e6,
        time: () => { const t = Temporal.Now.plainTimeISO("UTC"); return t.second * 1e3 + t.millisecond + t.microsecond / 1e3 + t.nanosecond / 1e6; },
        dateTime: () => { const t = Temporal.Now.plainDateTimeISO("UTC"); return t.second * 1e3 + t.millisecond + t.microsecond / 1e3 + t.nanosecond / 1e6; },
      };
      const least = {};
      for (const [name, read] of Object.entries(clocks)) {
        if (typeof Temporal === "undefined" && String(read).includes("Temporal")) continue;
        let last = read(), steps = 0; least[name] = Infinity;
        for (let i = 0; i < 1e6 && steps < 20; i++) { const now = read(); if (now !== last) { steps++; least[name] = Math.min(least[name], Math.abs(now - last)); } last = now; }
        if (least[name] === Infinity) delete least[name];
      }
      return { least, now: typeof Temporal === "undefined" ? [] : Object.getOwnPropertyNames(Temporal.Now).sort() };
    `,
    limits: { wallMs: 60_000, cpuMs: 60_000 },
  },
  waits: { body: "c.log.info('here'); await new Promise(() => {});", limits: { wallMs: 60_000 } },
});

t.test("[ISO-01] [ISO-16] a native function, or an object of isolated-vm, that the job can reach", async (t) => {
  const record = await runs.run("walk");
  t.equal(record.state, "succeeded", record.error?.message ?? "it walked");
  const { reached, called, shape, globals } = record.result as {
    reached: Reached;
    called: number;
    shape: string[];
    globals: string[];
  };
  t.ok(called > 100, `${called} functions were called`);
  const bare = createContext({});
  const language = runInContext(`${walk}(${intrinsics})`, bare) as Reached;
  t.ok(
    reached.native.length > 500,
    `it saw ${reached.native.length} built-ins, ${reached.scripted.length} functions of the guest`,
  );
  // V8's own, which Node takes away from its contexts.
  const known = new Set(language.native);
  t.same(
    reached.native.filter((path) => !known.has(path) && !path.startsWith("Intl.v8BreakIterator")),
    [],
    "every native function is the language's",
  );
  t.same(reached.foreign, [], "no object of isolated-vm or of Node");
  const own = runInContext("Object.getOwnPropertyNames(globalThis)", bare) as string[];
  t.same(
    globals.filter((name) => !own.includes(name) || name === "console"),
    guestGlobals,
    "globals as in the list",
  );
  t.same(shape, contextShape, "the job's argument as in the list");
});

t.test(
  "[ISO-01] the walk isn't blind: a host's function and a host's object are found where they are put",
  async (t) => {
    const context = createContext({
      c: {
        deep: {
          host: Object.create({
            get tap() {
              return 1;
            },
          }),
        },
      },
    });
    const planted = createContext({});
    const evil = runInContext("globalThis.hidden = { fn: parseInt.bind(null) }; globalThis", planted);
    const found = runInContext(`(walk, root) => walk([...${intrinsics}, ["root", root]])`, planted)(
      runInContext(walk, planted),
      evil,
    ) as Reached;
    t.ok(found.native.includes("root.hidden.fn"));
    const Reference = class Reference {};
    const other = runInContext(walk, context)([["c", { r: new Reference() }]]) as Reached;
    t.ok(other.foreign.includes("c.r"));
  },
);

t.test("[ISO-02] constructor.constructor of everything that the host gave is the guest's own Function", async (t) => {
  const { result } = await runs.run("constructors", { list: [1], nested: { a: {} } });
  for (const [name, own, value] of result as [string, boolean | string, unknown][]) {
    if (own === "error") t.match(value, /constructor|not a constructor|undefined/, `${name} has none`);
    else if (own === "async") t.equal(value, "undefined", `${name}: async`);
    else
      t.ok(
        own === true && (value === "undefined" || value === true || value === "undefinedundefinedundefined"),
        `${name}: ${value}`,
      );
  }
});

t.test(
  "[ISO-03] [ISO-15] [ISO-16] [RES-22] names of Node, of other runtimes and of our own wiring, of shared memory and WebAssembly",
  async (t) => {
    t.same((await runs.run("names")).result, []);
    t.same((await runs.run("hidden")).result, []);
  },
);

t.test("[ISO-04] import(), of any kind of name", async (t) => {
  t.same((await runs.run("imports")).result, []);
});

t.test("[ISO-18] the debugger statement: nobody listens", async (t) => {
  t.equal((await runs.run("debugger")).result, "went on");
});

t.test("[ISO-06] call sites of the runtime's frames: no function, no receiver, no file of the host", async (t) => {
  const record = await runs.run("call sites");
  t.equal(record.state, "succeeded", record.error?.message ?? "");
  const sites = record.result as {
    file: string | null;
    origin: string | null;
    fn: string;
    self: string;
    name: string;
  }[];
  t.ok(sites.length > 10, `${sites.length} call sites`);
  for (const site of sites) {
    t.ok(site.file === null || ["job.js", "mayfly:guest"].includes(site.file), `file ${site.file}`);
    if (site.file === "mayfly:guest")
      t.same([site.fn, site.self], ["undefined", "none"], `${site.name}: strict code gives nothing away`);
  }
});

t.test("[ISO-02] Function.prototype.caller, upwards into the runtime", async (t) => {
  t.same((await runs.run("caller")).result, []);
});

t.test("[ISO-23] a clock finer than a millisecond, among all the clocks that there are", async (t) => {
  const record = await runs.run("clock");
  t.equal(record.state, "succeeded", record.error?.message ?? "it read them");
  const { least, now } = record.result as { least: Record<string, number>; now: string[] };
  t.ok(Object.keys(least).length >= 4, Object.keys(least).join());
  for (const [name, ms] of Object.entries(least)) t.ok(ms >= 0.999, `${name}: the least step seen is ${ms} ms`);
  const known = ["instant", "plainDateISO", "plainDateTimeISO", "plainTimeISO", "timeZoneId", "zonedDateTimeISO"];
  if (now.length > 0) t.same(now, known, "Temporal has no clock that isn't ours");
});

/** Sockets that listen, in the network that a process sees (proc_pid_net(5)): state 0A. */
const listening = (pid: number) =>
  ["tcp", "tcp6"].flatMap((kind) =>
    readFileSync(`/proc/${pid}/net/${kind}`, "utf8")
      .split("\n")
      .filter((line) => / 0A /.test(line)),
  );

t.test("[ISO-18] a debug port, also after the signal by which Node opens one", async (t) => {
  const { id, pid, done } = await runs.start("waits");
  await runs.event((event) => event.runId === id && event.type === "log");
  const open = (of: number) => readdirSync(`/proc/${of}/fd`).length;
  const before = open(pid);
  const hasOwnNetwork = runs.runtime.pool.layers().some(({ name, armed }) => name === "network-namespace" && armed);
  if (hasOwnNetwork) t.same(listening(pid), [], "nobody listens in there");
  process.kill(pid, "SIGUSR1");
  const twin = spawn(process.execPath, ["--inspect-port=0", "-e", "setInterval(() => {}, 1e6)"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const said = new Promise<string>((resolve) => twin.stderr.once("data", (chunk: Buffer) => resolve(String(chunk))));
  await untilCaught(twin.pid ?? 0);
  twin.kill("SIGUSR1");
  t.match(await said, /Debugger listening/, "a Node without our flags opens one");
  twin.kill("SIGKILL");
  if (isRunning(pid, readStat(pid)?.startTicks ?? 0)) {
    t.equal(open(pid), before, "the executor has opened nothing");
    if (hasOwnNetwork) t.same(listening(pid), []);
  }
  runs.runtime.scheduler.kill(id, "seen enough");
  t.match(await done, { state: /killed|failed/ });
});

/** Until Node handles SIGUSR1 (10): before that it would end by it. */
async function untilCaught(pid: number): Promise<void> {
  const caught = () => BigInt(`0x${/^SigCgt:\s*(\w+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0"}`);
  while ((caught() & (1n << 9n)) === 0n) await new Promise((resolve) => setTimeout(resolve, 5));
}

t.test("what all of them left behind", (t) => runs.end(t));
