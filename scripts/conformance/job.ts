// One test of web-platform-tests as a job: its scripts are fetched and evaluated, as a page's would be.
import { defineJob } from "mayfly";

interface Test {
  /** URLs, in the order in which they are evaluated; the first two are the prelude and the harness. */
  scripts: string[];
  /** The test's own, with its variant. */
  url: string;
}

// As a script of the page's: by this name `eval` is the global one. Fewer rights than the job has it can't have.
const { eval: evaluate } = globalThis;

export default defineJob(async ({ input, fetch }) => {
  const test = input as unknown as Test;
  const [prelude = "", harness = "", ...rest] = await Promise.all(
    test.scripts.map(async (url) => (await fetch(url)).text()),
  );
  const page = globalThis as unknown as Record<string, (args?: unknown) => Promise<unknown>>;
  evaluate(prelude);
  page.__conformance?.({ url: test.url });
  evaluate(harness);
  const results = page.__conformanceResults?.();
  // At once: what one script declares, the next one uses, and an evaluation keeps its declarations to itself.
  evaluate(rest.join("\n;\n"));
  return (await results) as never;
});
