// WebAssembly and shared memory: not there unless the job's config says so, each by itself, and inside the run's limits.
import t from "tap";
import type { IsolateGrant } from "../../runtime/model/grant.ts";
import { openRuns } from "../support/runs.ts";

// (module (memory 1) (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
//         (func (export "grow") (param i32) (result i32) local.get 0 memory.grow))
const module =
  "0061736d01000000010c0260027f7f017f60017f017f03030200010503010001070e020361646400000467726f7700010a10020700200020016a0b0600200040000b";
const bytes = `Uint8Array.from("${module}".match(/../g), (x) => parseInt(x, 16))`;
const names = `["WebAssembly", "SharedArrayBuffer", "Atomics"].filter((name) => name in globalThis)`;
const grant = (isolate: Partial<IsolateGrant>): IsolateGrant => ({
  webAssembly: false,
  sharedMemory: false,
  ...isolate,
});

const runs = await openRuns({
  neither: { body: `return ${names};` },
  wasm: { body: `return ${names};`, isolate: grant({ webAssembly: true }) },
  shared: { body: `return ${names};`, isolate: grant({ sharedMemory: true }) },
  works: {
    body: `
      const { module, instance } = await WebAssembly.instantiate(${bytes});
      const other = await WebAssembly.instantiate(await WebAssembly.compile(${bytes}));
      const streamed = await WebAssembly.instantiateStreaming(new Response(${bytes}, { headers: { "content-type": "application/wasm" } }));
      const refused = await WebAssembly.compileStreaming(new Response(${bytes})).catch((e) => e.name);
      const bad = await WebAssembly.compile(new Uint8Array(4)).catch((e) => e instanceof WebAssembly.CompileError);
      return [module instanceof WebAssembly.Module, instance.exports.add(2, 3), other.exports.add(1, 1), streamed.instance.exports.add(4, 4), refused, bad, WebAssembly.validate(${bytes})];
    `,
    isolate: grant({ webAssembly: true }),
  },
  grows: {
    body: `
      const { instance } = await WebAssembly.instantiate(${bytes});
      const kept = [];
      for (let n = 0; n < 4; n += 1) { const m = new WebAssembly.Memory({ initial: 1024 }); new Uint8Array(m.buffer).fill(1); kept.push(m); }
      return instance.exports.grow(1);
    `,
    isolate: grant({ webAssembly: true }),
    limits: { memoryBytes: 32 * 1_048_576, wallMs: 30_000, cpuMs: 30_000 },
  },
});

t.test("[ISO-16] nothing is there without a grant, and each grant gives its own", async (t) => {
  t.same((await runs.run("neither")).result, []);
  t.same((await runs.run("wasm")).result, ["WebAssembly"]);
  t.same((await runs.run("shared")).result, ["SharedArrayBuffer", "Atomics"]);
});

t.test("what is compiled and instantiated, by promise too, works", async (t) => {
  const { result, error } = await runs.run("works");
  t.same(result, [true, 5, 2, 8, "TypeError", true, true], error?.message ?? "");
});

t.test("[RES-06] memory of WebAssembly counts as the run's", async (t) => {
  t.match(await runs.run("grows"), { state: "limit", error: { code: "memory" } });
});

t.test("at the end nothing is left", (t) => runs.end(t));
