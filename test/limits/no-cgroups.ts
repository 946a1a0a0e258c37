// Executors on a machine where no control group can be written, as in most containers: all other walls as they are here.
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import { prepareExecutorFiles } from "../../runtime/adapters/system/executor-files.ts";
import { makeExecutorPool, type SandboxedPool } from "../../runtime/adapters/system/executor-pool.ts";

/** @param cacheDirectory for the executor's files. */
export async function openPoolWithoutGroups(cacheDirectory: string): Promise<SandboxedPool> {
  return makeExecutorPool({
    files: await prepareExecutorFiles(cacheDirectory),
    cgroups: { missing: "none in this test" },
    clock: systemClock,
    path: process.env.PATH ?? "",
    osSandbox: "preferred",
    owner: "without-groups",
    onWarning: (message) => process.stderr.write(`${message}\n`),
  });
}
