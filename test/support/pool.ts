// Pools of real executors for a test file, in a directory of its own, and the words by which one of them is launched.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";
import { findCgroups } from "../../runtime/adapters/system/cgroup.ts";
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import { type ExecutorFiles, prepareExecutorFiles } from "../../runtime/adapters/system/executor-files.ts";
import { makeExecutorPool, type PoolOptions, type SandboxedPool } from "../../runtime/adapters/system/executor-pool.ts";
import type { LaunchHeader } from "../../runtime/protocol/channel.ts";
import { watchResidue } from "../../runtime/testkit/residue.ts";

/** The class of a small job. */
export const wanted = { memoryBytes: 64 * 1_048_576, cpuMs: 10_000 };

export interface Pools {
  directory: string;
  files: ExecutorFiles;
  /** One pool from its making to its end, behind which nothing is left. */
  withPool(
    t: Test,
    options: Partial<PoolOptions>,
    tell: (pool: SandboxedPool, warnings: string[]) => Promise<void>,
  ): Promise<void>;
}

/** @param installation 8 hex digits, of this test file alone: control groups are named by it. */
export async function openPools(t: Test, installation: string): Promise<Pools> {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-pool-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const files = await prepareExecutorFiles(join(directory, "cache"));
  let pools = 0;

  async function withPool(...[t, options, tell]: Parameters<Pools["withPool"]>): Promise<void> {
    const residue = watchResidue();
    const warnings: string[] = [];
    pools += 1;
    const pool = makeExecutorPool({
      files,
      cgroups: findCgroups(installation),
      clock: systemClock,
      path: process.env.PATH ?? "",
      osSandbox: "preferred",
      owner: `test-${pools}`, // unique, as in an installation: groups are named by it
      onWarning: (message) => warnings.push(message),
      ...options,
    });
    await tell(pool, warnings);
    await pool.close();
    t.same(await residue.settle({ stateDirectory: directory, installation }, 5_000), [], "nothing is left");
  }

  return { directory, files, withPool };
}

export function launchHeader(more: Partial<LaunchHeader> = {}): { type: "launch" } & Record<string, unknown> {
  return {
    type: "launch",
    runId: "r",
    job: "j",
    spiffeId: "spiffe://test/run/r",
    input: "null",
    runMs: 10_000,
    resultBytesMax: 1_000,
    isolate: { webAssembly: false, sharedMemory: false },
    clock: { mode: "real" },
    ...more,
  };
}

/** A bundle whose job has this body. */
export function bundleText(body: string): string {
  return `__mayflyRegister({ kind: "mayfly.job", run: async (c) => { ${body} } });`;
}
