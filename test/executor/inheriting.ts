// A supervisor that was started with a descriptor open, as shells and service managers do. Prints what its executor has
// open, and what it has open itself.
import { readdirSync, readlinkSync, rmSync } from "node:fs";
import { openRuns } from "../support/runs.ts";

const links = (pid: number | string) =>
  readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return []; // the one that listed the directory
    }
  });

const runs = await openRuns({ job: { body: "await new Promise(() => {});" } });
const { id, pid, done } = await runs.start("job");
console.log(JSON.stringify({ executor: links(pid), supervisor: links("self") }));
runs.runtime.scheduler.kill(id, "seen enough");
await done;
await runs.runtime.close();
rmSync(runs.directory, { recursive: true });
