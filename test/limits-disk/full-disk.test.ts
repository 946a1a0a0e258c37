// RES-28: the disk is full under the runs' private directories, or under the state directory, where ledger and audit are
// one file. What runs ends cleanly, new work is refused, and once there is space all goes on by itself. Each test has its
// twin in it: the same job with space.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { verifyChain } from "../../runtime/core/audit/chain.ts";
import { openRuns, type Runs } from "../support/runs.ts";
import { type SmallDisk, smallDisk } from "../support/small-disk.ts";

const MiB = 1_048_576;
const noDisk = "no tmpfs can be mounted here";

const writing = `
  try { for (let n = 0; n < 8; n++) await c.files.write("/output/" + n, new Uint8Array(1 << 20)); return "all"; }
  catch (e) { return { code: e.code, message: e.message }; }
`;

const jobs = {
  writing: { body: writing, quota: { bytes: 16 * MiB } },
  plain: { body: "return 7;" },
  asking: {
    body: `c.log.info("here"); while ((await c.files.stat("/bells/go")) === null) await new Promise((f) => setTimeout(f, 10));
      const codes = []; for (let n = 0; n < 5; n++) { try { await c.files.write("/output/x", "x"); codes.push("wrote"); } catch (e) { codes.push(e.code); } } return codes;`,
  },
};

/** The disk becomes the place of the runs' directories. */
function mountOver(t: Test, disk: SmallDisk, runs: Runs): void {
  const place = runs.runtime.state.directory("runs");
  mkdirSync(place, { recursive: true });
  t.equal(spawnSync("mount", ["--bind", disk.directory, place]).status, 0);
  t.teardown(() => spawnSync("umount", ["-l", place]));
}

t.test(
  "[RES-28] a full disk under the private directories: the job is told, and the next run has the space again",
  async (t) => {
    const disk = smallDisk(t, 3 * MiB);
    if (disk === undefined) return t.plan(0, noDisk);
    const runs = await openRuns(jobs);
    mountOver(t, disk, runs);
    const neighbour = await runs.neighbour();
    const told = await runs.run("writing");
    t.match(told, { state: "succeeded", teardown: { directory: "confirmed" } });
    t.match((told.result as { code?: string }).code, /^\w+$/, `told: ${JSON.stringify(told.result)}`);
    t.notMatch(
      (told.result as { message?: string }).message,
      /ENOSPC|\/tmp|runs\//,
      "and no more than it needs to know",
    );

    disk.fill();
    const during = await runs.run("writing");
    t.ok(
      during.state === "failed" || during.result !== "all",
      `${during.state} with nothing left: ${during.error?.code}`,
    );
    t.notMatch(during, { error: { code: "internal" } });
    disk.free();
    t.match(await runs.run("plain"), { state: "succeeded", result: 7 }, "with space it goes on by itself");
    t.match(await neighbour.done(), { state: "succeeded", result: { own: neighbour.own } }, "what ran ended cleanly");
    t.same(readdirSync(disk.directory), [], "nothing of any of them is left there");
    spawnSync("umount", ["-l", runs.runtime.state.directory("runs")]);
    t.match(await runs.run("writing"), { result: "all" }, "the twin: with a larger disk the same job writes all of it");
    await runs.end(t);
  },
);

t.test(
  "[RES-28] a full disk under state and audit: no new run, no unrecorded act, and no hand work afterwards",
  async (t) => {
    const disk = smallDisk(t, 24 * MiB);
    if (disk === undefined) return t.plan(0, noDisk);
    const before = process.env.TMPDIR;
    process.env.TMPDIR = disk.directory;
    const bells = t.testdir();
    const runs = await openRuns({ ...jobs, asking: { ...jobs.asking, mounts: { "/bells": bells } } });
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    const { store, seals, scheduler } = runs.runtime;
    t.match(await runs.run("plain"), { state: "succeeded" }, "the twin: with space it runs");
    const running = await runs.start("asking");
    await runs.event(({ type, runId }) => type === "log" && runId === running.id);

    disk.fill();
    await untilFull(runs);
    const submission = { job: "plain", input: "null", trigger: { kind: "test" } } as const;
    await t.rejects(scheduler.submit(submission), { code: "store_unavailable" }, "no new run");
    spawnSync("touch", [join(bells, "go")]);
    const ended = await running.done.catch((error: { code?: string }) => error.code);
    t.notOk(running.isThere(), `what ran has ended, its process is gone: ${JSON.stringify(ended).slice(0, 120)}`);
    disk.free();

    const again = await scheduler.submit(submission);
    t.match(await again.done, { state: "succeeded" });
    t.same(store.openLeases(), []);
    t.equal(
      verifyChain((from) => store.auditEntries(from, 100), store.auditHead(), seals).ok,
      true,
      "the audit is whole",
    );
    await runs.runtime.reaper.tick();
    t.same(store.unfinishedRuns(), [], "and no run is without an end");
    await runs.runtime.close();
  },
);

/** What the ledger had set aside is used up by and by. */
async function untilFull({ runtime: { store } }: Runs): Promise<void> {
  for (;;) {
    const failed = await store.commit([{ audit: { type: "alert", detail: "x".repeat(2_000) } }]).then(
      () => false,
      () => true,
    );
    if (failed) return;
  }
}
