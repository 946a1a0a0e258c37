// quickjs-emscripten: a runtime and a context a job, in one WebAssembly module for all of them; or a module a job too.
import { importOf } from "../peers/install.ts";
import type { Rival, RivalParts } from "../rivals.ts";
import { machineMs } from "../stats.ts";
import { job } from "./job.ts";

interface Exports {
  getQuickJS(): Promise<Module>;
  newQuickJSWASMModule(): Promise<Module>;
}

interface Module {
  newRuntime(): { setMemoryLimit(bytes: number): void; newContext(): Context; dispose(): void };
}

interface Context {
  evalCode(code: string): unknown;
  unwrapResult(result: unknown): { dispose(): void };
  getString(handle: unknown): string;
  dispose(): void;
}

const load = (modules: string) => importOf<Exports>(modules, "quickjs-emscripten/dist/index.mjs");

export async function openContexts({ modules }: RivalParts): Promise<Rival> {
  const { getQuickJS } = await load(modules);
  const quickjs = await getQuickJS();
  return { run: async () => runIn(quickjs, machineMs()), async close() {} };
}

export async function openModules({ modules }: RivalParts): Promise<Rival> {
  const { newQuickJSWASMModule } = await load(modules);
  return {
    async run() {
      const start = machineMs();
      return runIn(await newQuickJSWASMModule(), start);
    },
    async close() {},
  };
}

function runIn(quickjs: Module, start: number): number {
  const runtime = quickjs.newRuntime();
  runtime.setMemoryLimit(64 * 1_048_576);
  const context = runtime.newContext();
  const result = context.unwrapResult(context.evalCode(`JSON.stringify(${job}(null))`));
  JSON.parse(context.getString(result));
  const ms = machineMs() - start;
  result.dispose();
  context.dispose();
  runtime.dispose();
  return ms;
}
