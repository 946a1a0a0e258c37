// A supervisor whose job computes for ever, and which is killed in the middle of it. Prints its executor's pid.
import { openRuns } from "../support/runs.ts";

const runs = await openRuns({
  job: { body: 'c.log.info("computing"); for (;;);', limits: { wallMs: 100_000, cpuMs: 100_000 } },
});
const { id, pid } = await runs.start("job");
await runs.event((event) => event.runId === id && event.type === "log");
console.log(pid);
