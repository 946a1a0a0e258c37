// Real runs of the conformance job: the whole runtime, with a state directory of its own.
import { join } from "node:path";
import { openRuntime } from "../../runtime/compose.ts";
import { parseConfig } from "../../runtime/config.ts";
import type { Outcome } from "./report.ts";

export async function makeRuns({ scratch, origin }: { scratch: string; origin: string }) {
  const directory = import.meta.dirname;
  const words = {
    state: join(scratch, "state"),
    jobs: {
      wpt: {
        entry: "./job.ts",
        network: { allow: [`GET,HEAD,POST,PUT ${origin}/*`] },
        isolate: { webAssembly: true, sharedMemory: true },
        limits: { wall: "90s", cpu: "90s", memory: "512MiB", result: "8MiB", requests: 10_000, logs: "1MiB" },
      },
    },
  };
  const config = parseConfig(words, { directory, path: join(directory, "sandbox.config.ts") });
  const runtime = await openRuntime({
    config,
    role: "start",
    osSandbox: "preferred",
    env: process.env,
    onEvent: () => {},
    onWarning: (message) => process.stderr.write(`conformance: ${message}\n`),
  });
  return {
    async run(input: object): Promise<Outcome> {
      const submission = { job: "wpt", input: JSON.stringify(input), trigger: { kind: "submit" } as const };
      const { done } = await runtime.scheduler.submit(submission);
      const { state, result, error } = await done;
      if (state === "succeeded") return result as unknown as Outcome;
      return { harness: 1, message: `the run ended as ${state}: ${error?.code}: ${error?.message}`, tests: [] };
    },
    async close(): Promise<void> {
      await runtime.scheduler.drain(5_000);
      await runtime.close();
    },
  };
}
