// The same test in this Node, for comparison: its globals are what they are, the rest is as in the job.
//
// argv: the test as JSON, as the job takes it.
import { runInThisContext } from "node:vm";

const { scripts, url } = JSON.parse(process.argv[2] ?? "{}") as { scripts: string[]; url: string };
const page = globalThis as unknown as Record<string, (args?: unknown) => Promise<unknown>>;
const { fetch, setTimeout } = globalThis;
const [prelude = "", harness = "", ...rest] = await Promise.all(scripts.map(async (at) => (await fetch(at)).text()));
const write = process.stdout.write.bind(process.stdout);
const end = (found: unknown) => write(`${JSON.stringify(found)}\n`, () => process.exit(0));
process.on("unhandledRejection", () => {});
process.on("uncaughtException", () => {});
runInThisContext(prelude);
page.__conformance?.({ url });
runInThisContext(harness);
const results = page.__conformanceResults?.();
try {
  for (const text of rest) runInThisContext(text);
} catch (error) {
  end({ harness: 1, message: String(error), tests: [] });
}
setTimeout(() => end({ harness: 2, message: "the test did not end", tests: [] }), 65_000);
end(await results);
