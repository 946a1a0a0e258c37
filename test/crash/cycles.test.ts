// Crash, start again, crash again: what one cycle leaves behind and the next doesn't take away would fill a machine in the
// end. Real processes, killed by SIGKILL in the middle of a run; counted is everything but what is kept on purpose (the
// ledger's rows, the logs of runs). More cycles: CRASH_CYCLES=10000. The simulation (test/sim) has thousands of them a run.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { ledgerOf, type Project } from "../support/cli.ts";
import { holding, vaultProject } from "../support/holding.ts";
import { processesOf, startMayfly } from "../support/start.ts";

const cycles = Number(process.env.CRASH_CYCLES ?? 10);
t.setTimeout(60_000 + cycles * 30_000);

interface Residue {
  processes: number;
  controlGroups: number;
  temporary: number;
  openLeases: number;
  unfinishedRuns: number;
  owners: number;
  /** Below each entry of the state directory. */
  files: Record<string, number>;
}

const groupRoots = ["memory", "pids", ""].map((name) => join("/sys/fs/cgroup", name));

async function residueOf(here: Project, temporary: string): Promise<Residue> {
  const { store } = ledgerOf(here);
  const groups = groupRoots.map((root) => join(root, `mayfly-${store.installation}`)).filter(existsSync);
  const found = {
    processes: processesOf(here).length,
    controlGroups: groups
      .flatMap((group) => readdirSync(group, { withFileTypes: true }))
      .filter((each) => each.isDirectory()).length,
    temporary: readdirSync(temporary).length,
    openLeases: store.openLeases().length,
    unfinishedRuns: store.unfinishedRuns().length,
    owners: store.owners().length,
    files: Object.fromEntries(
      readdirSync(here.state, { withFileTypes: true }).map((entry) => [
        entry.name,
        entry.isDirectory() ? readdirSync(join(here.state, entry.name), { recursive: true }).length : 1,
      ]),
    ),
  };
  await store.close();
  return found;
}

t.test(`[CRASH-20] ${cycles} crashes, and no more is left than after the second`, async (t) => {
  const { world, here, accepts } = await vaultProject(t);
  const temporary = join(here.directory, "tmp");
  mkdirSync(temporary, { mode: 0o1777 });
  const env = { ...world.env, TMPDIR: temporary };
  const seen: Residue[] = [];
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    const started = await startMayfly(t, here, { env });
    seen.push(await residueOf(here, temporary)); // what recovery has left of the life before, beside a fresh supervisor
    await holding(t, here);
    started.signal("SIGKILL");
    await started.ended;
    t.equal(await accepts(), true, "there was something to end");
  }
  const last = await startMayfly(t, here, { env });
  t.equal(await accepts(), false);
  last.signal("SIGTERM");
  t.match(await last.ended, { code: 0 });
  const atRest = await residueOf(here, temporary);
  t.match(atRest, { processes: 0, controlGroups: 0, temporary: 0, openLeases: 0, unfinishedRuns: 0, owners: 0 });
  const [, second] = seen;
  const final = seen.at(-1);
  t.match(final, { openLeases: 0, unfinishedRuns: 0, owners: 1, temporary: second?.temporary });
  for (const [name, count] of Object.entries(final?.files ?? {})) {
    if (name === "logs") t.equal(count, cycles - 1, "the log of each run is kept");
    else t.ok(count <= (second?.files[name] ?? 0), `${name}: ${count}, after the second start ${second?.files[name]}`);
  }
  t.ok((final?.processes ?? 99) <= (second?.processes ?? 0) + 2, `${final?.processes} processes: a supervisor's own`);

  writeFileSync(join(temporary, "left"), "");
  mkdirSync(join(here.state, "runs", "run_left"), { recursive: true });
  const planted = await residueOf(here, temporary);
  t.equal(planted.temporary, atRest.temporary + 1, "the same look finds what is left (twin)");
  t.ok((planted.files.runs ?? 0) > (atRest.files.runs ?? 0));
});
