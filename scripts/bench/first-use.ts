// (h) What the first use of each big global costs a fresh run, and the second beside it: what is evaluated late is paid for
// by whoever uses it. Measured in the job (jobs/first-use.ts); a run a figure, all globals taking turns.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { shuffled } from "./stats.ts";
import { type Bench, type BenchRuntime, openBenchRuntime } from "./world.ts";

/** As the job names them. The first is nothing at all: what measuring itself comes to. */
export const globalsUsed = [
  "nothing",
  "fetch",
  "Headers",
  "Request",
  "Response",
  "FormData",
  "URL",
  "URLPattern",
  "ReadableStream",
  "TextDecoderStream",
  "CompressionStream",
  "crypto.subtle.digest",
  "structuredClone",
  "Blob",
  "File",
  "TextDecoder, utf-8",
  "TextDecoder, shift_jis",
  "Intl.DateTimeFormat",
  "WebAssembly",
] as const;

/** ms, one a run. */
export type FirstUse = Map<string, { first: number[]; second: number[] }>;

export async function measureFirstUse(bench: Bench): Promise<FirstUse> {
  const origin = createServer((_, response) => response.end("ok"));
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(origin.address() as AddressInfo).port}/`;
  const open = (name: string, webAssembly: boolean) =>
    openBenchRuntime(bench, name, {
      jobs: {
        "first-use": { entry: "./jobs/first-use.ts", network: { allow: [`GET ${url}*`] }, isolate: { webAssembly } },
      },
    });
  const plain = await open("first-use", false);
  const withWebAssembly = await open("first-use-wasm", true); // the grant changes what is in an isolate: only for its own
  const found: FirstUse = new Map(globalsUsed.map((use) => [use, { first: [], second: [] }]));
  const rounds = bench.quick ? 1 : 25;
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const use of shuffled(globalsUsed, bench.chance)) {
        const [first, second] = await usedIn(use === "WebAssembly" ? withWebAssembly : plain, { use, url });
        found.get(use)?.first.push(first);
        found.get(use)?.second.push(second);
      }
      if (round % 5 === 0) bench.say(`first use ${round}/${rounds}`);
    }
    return found;
  } finally {
    await withWebAssembly.close();
    await plain.close();
    origin.closeAllConnections();
    await new Promise((resolve) => origin.close(resolve));
  }
}

async function usedIn(runtime: BenchRuntime, input: object): Promise<[first: number, second: number]> {
  await runtime.warmed();
  const { record } = await runtime.run(input);
  return record.result as [number, number];
}
