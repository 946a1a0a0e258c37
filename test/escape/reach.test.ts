// ISO-01 to ISO-04, ISO-15, ISO-16, ISO-18, ISO-23: what a job can lay its hands on. Everything reachable is compared with
// a context of V8 that nothing was added to, and with the checked-in lists of walk.ts: what is native and not the
// language's own would be the host's.
import { createContext, runInContext } from "node:vm";
import t from "tap";
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
      const reached = ${walk}([...${intrinsics}, ["globalThis", globalThis], ["c", c],
        ["error", await c.files.read("/none").catch((e) => e)], ["denied", await c.credential.fetch().catch((e) => e)],
        ["answer", await c.files.stat("/")], ["pending", c.files.stat("/")], ["abort", c.signal]]);
      const shape = Object.keys(c).flatMap((key) => key === "signal" || typeof c[key] !== "object" || c[key] === null ? [key] : Object.keys(c[key]).map((inner) => key + "." + inner)).sort();
      return { reached, shape, globals: Object.getOwnPropertyNames(globalThis).sort() };
    `,
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
    body: 'return ["require", "process", "module", "exports", "global", "Buffer", "Deno", "Bun", "__dirname", "__filename", "ivm", "isolate", "WebAssembly", "SharedArrayBuffer", "Atomics", "Worker", "MessageChannel", "BroadcastChannel", "importScripts", "setImmediate", "__mayflyRegister", "guest", "boot", "performance", "navigator", "WebSocket", "EventSource", "XMLHttpRequest"].filter((name) => eval("typeof " + name) !== "undefined");',
  },
  hidden: {
    body: `
      // Other ways to what was deleted from the global object.
      const found = [];
      try { new Function("return new SharedArrayBuffer(8)")(); found.push("SharedArrayBuffer"); } catch {}
      try { new Function("return WebAssembly.Module")(); found.push("WebAssembly"); } catch {}
      if (typeof new Function("return import.meta").toString() !== "string") found.push("meta");
      return found;
    `.replace(/if \(typeof new.*\n/, "\n"),
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
    body: "let last = Date.now(), least = Infinity; for (let i = 0; i < 300_000; i++) { const now = Date.now(); if (now !== last) least = Math.min(least, Math.abs(now - last)); last = now; } return { least, performance: typeof performance };",
  },
});

t.test("a native function, or an object of isolated-vm, that the job can reach", async (t) => {
  const record = await runs.run("walk");
  t.equal(record.state, "succeeded", record.error?.message ?? "it walked");
  const { reached, shape, globals } = record.result as { reached: Reached; shape: string[]; globals: string[] };
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

t.test("the walk isn't blind: a host's function and a host's object are found where they are put", async (t) => {
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
});

t.test("constructor.constructor of everything that the host gave is the guest's own Function", async (t) => {
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

t.test("names of Node, of other runtimes and of our own wiring, of shared memory and WebAssembly", async (t) => {
  t.same((await runs.run("names")).result, []);
  t.same((await runs.run("hidden")).result, []);
});

t.test("import(), of any kind of name", async (t) => t.same((await runs.run("imports")).result, []) && undefined);

t.test("the debugger statement: nobody listens", async (t) => {
  t.equal((await runs.run("debugger")).result, "went on");
});

t.test("call sites of the runtime's frames: no function, no receiver, no file of the host", async (t) => {
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

t.test("Function.prototype.caller, upwards into the runtime", async (t) => {
  t.same((await runs.run("caller")).result, []);
});

t.test("a clock finer than a millisecond", async (t) => {
  const { least, performance } = (await runs.run("clock")).result as { least: number; performance: string };
  t.ok(least >= 1 || least === null, `the least step seen is ${least} ms`);
  t.equal(performance, "undefined");
});

t.test("what all of them left behind", (t) => runs.end(t));
