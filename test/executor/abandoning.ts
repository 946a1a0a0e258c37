// A supervisor whose job computes for ever, and which is killed in the middle of it. Prints who its executor
// is and what it leaves.
import { openRuns } from "../support/runs.ts";

const runs = await openRuns({
  job: { body: 'c.log.info("computing"); for (;;);', limits: { wallMs: 100_000, cpuMs: 100_000 } },
});
const { id, pid } = await runs.start("job");
await runs.event((event) => event.runId === id && event.type === "log");
const { directory, runtime } = runs;
const diesWithParent = runtime.pool.layers().some(({ name, armed }) => name === "die-with-parent" && armed);
console.log(JSON.stringify({ pid, directory, installation: runtime.store.installation, diesWithParent }));
