// secure-exec: a runtime a job. Its process, in which V8 is, lives as long as any of its runtimes: one is kept, as a host
// that runs many jobs would, or each job would start that process again.
import { importOf } from "../peers/install.ts";
import type { Rival, RivalParts } from "../rivals.ts";
import { machineMs } from "../stats.ts";
import { job } from "./job.ts";

interface Exports {
  createNodeDriver(): unknown;
  createNodeRuntimeDriverFactory(): unknown;
  NodeRuntime: new (options: {
    systemDriver: unknown;
    runtimeDriverFactory: unknown;
    memoryLimit: number;
  }) => {
    run(code: string): Promise<{ code: number; exports?: unknown }>;
    terminate(): Promise<void>;
  };
}

export async function openSecureExec({ modules }: RivalParts): Promise<Rival> {
  const { createNodeDriver, createNodeRuntimeDriverFactory, NodeRuntime } = await importOf<Exports>(
    modules,
    "secure-exec/dist/index.js",
  );
  const options = {
    systemDriver: createNodeDriver(),
    runtimeDriverFactory: createNodeRuntimeDriverFactory(),
    memoryLimit: 64,
  };
  const kept = new NodeRuntime(options);
  await kept.run("module.exports = null;");
  return {
    async run() {
      const start = machineMs();
      const runtime = new NodeRuntime(options);
      const { code, exports } = await runtime.run(`module.exports = ${job}(null);`);
      const ms = machineMs() - start;
      await runtime.terminate();
      if (code !== 0 || exports === undefined) throw new Error(`secure-exec's job ended with ${code}`);
      return ms;
    },
    close: () => kept.terminate(),
  };
}
