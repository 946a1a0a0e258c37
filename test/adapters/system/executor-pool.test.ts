// Executors one by one, from the pool to their end: who gets which, what happens to those that die early, never become
// ready or are never asked for, and what an executor does when its supervisor does nothing.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { findCgroups } from "../../../runtime/adapters/system/cgroup.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import type { ExecutorFiles } from "../../../runtime/adapters/system/executor-files.ts";
import { isRunning, readDataBytes, readStat } from "../../../runtime/adapters/system/proc.ts";
import { killLeftBehind } from "../../../runtime/adapters/system/process-identity.ts";
import type { Clock } from "../../../runtime/ports/clock.ts";
import type { ExecutorProcess } from "../../../runtime/ports/executor-process.ts";
import type { Frame } from "../../../runtime/protocol/frame.ts";
import { impostor } from "../../executor/impostor.ts";
import { bundleText, launchHeader, openPools, wanted } from "../../support/pool.ts";

const installation = "0000f001";
const { directory, files, withPool } = await openPools(t, installation);
const empty = new Uint8Array(0);

function withScript(script: string): ExecutorFiles {
  const entry = join(directory, `script-${Buffer.from(script).length}-${script.length}.cjs`);
  writeFileSync(entry, script, { mode: 0o644 });
  return { ...files, entry };
}

function launch(executor: ExecutorProcess, body: string, runMs: number): Promise<Frame> {
  const { promise, resolve } = Promise.withResolvers<Frame>();
  executor.onFrame(resolve);
  executor.send({ header: launchHeader({ runMs }), body: Buffer.from(bundleText(body)) });
  return promise;
}

/** What abandoning.ts says. */
interface Abandoned {
  pid: number;
  directory: string;
  installation: string;
  diesWithParent: boolean;
}

const isThere = ({ pid, startTicks }: ExecutorProcess) => isRunning(pid, startTicks);
const poll = async (until: () => boolean) => {
  for (let tries = 0; tries < 1_000 && !until(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 10));
};

t.test("two runs that would share an executor", (t) =>
  withPool(t, {}, async (pool) => {
    pool.keepWarm(wanted, 2);
    const [a, b, c] = await Promise.all([pool.take(wanted), pool.take(wanted), pool.take(wanted)]);
    t.equal(new Set([a.pid, b.pid, c.pid]).size, 3);
    for (const each of [a, b, c]) {
      t.ok(isThere(each));
      t.ok(await each.kill(5_000));
      t.notOk(isThere(each));
      t.ok(await each.kill(5_000), "killed twice");
    }
  }),
);

t.test("a burst: as many wait for the next one, and when none comes they go", async (t) => {
  let aheadMs = 0;
  let lessen: (() => void) | undefined;
  const clock: Clock = {
    ...systemClock,
    monotonicMs: () => systemClock.monotonicMs() + aheadMs,
    setTimer(delayMs, call) {
      if (delayMs !== 10_000) return systemClock.setTimer(delayMs, call);
      lessen = call;
      return () => {};
    },
  };
  await withPool(t, { warmMax: 3, clock }, async (pool) => {
    pool.keepWarm(wanted, 1);
    await poll(() => pool.warm().ready === 1);
    t.equal(lessen, undefined, "one is what was asked for");
    const burst = await Promise.all([1, 2, 3, 4].map(() => pool.take(wanted)));
    await Promise.all(burst.map((executor) => executor.kill(5_000)));
    await poll(() => pool.warm().ready === 3);
    t.equal(pool.warm().ready, 3, "not four: that is the most");
    aheadMs = 121_000;
    lessen?.();
    t.equal(pool.warm().ready, 1);
  });
});

t.test("[RES-10] [RES-23] executors that keep every processor busy: the supervisor goes before them", (t) =>
  withPool(t, {}, async (pool) => {
    const executor = await pool.take(wanted);
    const niceOf = (pid: number | "self") => {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
    };
    t.ok(niceOf(executor.pid) > niceOf("self"), "its own value");
    const group = `/proc/${executor.pid}/autogroup`;
    if (
      existsSync(group) &&
      process.getuid?.() === 0 &&
      executor.layers.some(({ name, armed }) => name === "pid-namespace" && armed)
    )
      t.match(readFileSync(group, "utf8"), /nice [1-9]/, "and its group's, where sessions are grouped");
    await executor.kill(5_000);
  }),
);

t.test("an executor that died while it waited on the shelf: nobody gets it", (t) =>
  withPool(t, {}, async (pool) => {
    pool.keepWarm(wanted, 1);
    await poll(() => pool.warm().ready === 1);
    const before = await pool.take(wanted);
    await poll(() => pool.warm().ready === 1);
    const [stale] = await Promise.all([pool.take(wanted)]);
    await stale.kill(5_000);
    const next = await pool.take(wanted);
    t.ok(isThere(next));
    t.not(next.pid, stale.pid);
    await Promise.all([before.kill(5_000), next.kill(5_000)]);
  }),
);

t.test("a class of its own: an executor made for less memory is not given to a job that may have more", (t) =>
  withPool(t, {}, async (pool) => {
    pool.keepWarm(wanted, 1);
    await poll(() => pool.warm().ready === 1);
    const other = await pool.take({ ...wanted, memoryBytes: 32 * 1_048_576 });
    t.same(pool.warm(), { ready: 1, warming: 0 }, "the warm one is still there");
    await other.kill(5_000);
  }),
);

t.test("a sandbox that is required and isn't there: no process, and what would help", async (t) => {
  await withPool(t, { path: "/nowhere", osSandbox: "required" }, async (pool) => {
    const missing = pool.layers().filter((layer) => !layer.armed);
    t.ok(missing.length >= 4);
    const error = await pool.take(wanted).catch((thrown: unknown) => thrown);
    t.match(error, {
      code: "sandbox_required",
      found: /bubblewrap.*not installed/,
      next: /apt-get install|mayfly doctor/,
    });
    for (const layer of missing) t.match((error as Error).message, layer.name);
  });
});

t.test("a sandbox that is preferred and isn't there: the job runs, and the layers say what is missing", (t) =>
  withPool(t, { path: "/nowhere" }, async (pool) => {
    const executor = await pool.take(wanted);
    t.match(
      executor.layers.find((layer) => layer.name === "network-namespace"),
      { armed: false, hint: /apt-get/ },
    );
    t.match((await launch(executor, "return 1 + 1;", 10_000)).header, { type: "done" });
    await executor.kill(5_000);
  }),
);

t.test("a wall that falls once, as on a machine that is too busy, is raised again and not given up", async (t) => {
  const bin = join(directory, "once");
  const once = `#!/bin/sh\n[ -e "$0.tried" ] || { : > "$0.tried"; exit 1; }\nPATH="${process.env.PATH}" exec bwrap "$@"\n`;
  mkdirSync(bin);
  writeFileSync(join(bin, "bwrap"), once, { mode: 0o755 });
  await withPool(t, { path: `${bin}:${process.env.PATH ?? ""}` }, async (pool, warnings) => {
    const isWhole = () => pool.layers().every(({ name, armed }) => name !== "mount-tree" || armed);
    if (!(process.env.PATH ?? "").split(":").some((folder) => existsSync(join(folder, "bwrap")))) {
      t.pass("not tried: bubblewrap is not installed");
      return;
    }
    const executor = await pool.take(wanted);
    t.ok(existsSync(join(bin, "bwrap.tried")), "the first try failed");
    t.ok(isWhole(), "bubblewrap still stands around executors");
    t.same(warnings, []);
    await executor.kill(5_000);
  });
});

t.test("walls that stood and then fail again and again: no executor, rather than one without them", async (t) => {
  const bin = join(directory, "later");
  const later = `#!/bin/sh\n[ ! -e "${bin}/broken" ] || exit 1\nPATH="${process.env.PATH}" exec bwrap "$@"\n`;
  mkdirSync(bin);
  writeFileSync(join(bin, "bwrap"), later, { mode: 0o755 });
  await withPool(t, { path: `${bin}:${process.env.PATH ?? ""}` }, async (pool, warnings) => {
    if (!(process.env.PATH ?? "").split(":").some((folder) => existsSync(join(folder, "bwrap")))) {
      t.pass("not tried: bubblewrap is not installed");
      return;
    }
    await (await pool.take(wanted)).kill(5_000);
    writeFileSync(join(bin, "broken"), "");
    await t.rejects(pool.take(wanted), { code: "executor_unavailable" });
    t.same(warnings, []);
    rmSync(join(bin, "broken"));
    const executor = await pool.take(wanted);
    t.ok(
      executor.layers.every(({ name, armed }) => name !== "mount-tree" || armed),
      "and behind them again once they stand",
    );
    await executor.kill(5_000);
  });
});

t.test("an executor that never becomes ready: its own words, and nothing left of it", (t) =>
  withPool(t, { files: withScript("process.stderr.write('\\u001b[31mbroken\\n'); process.exit(3);") }, async (pool) => {
    await t.rejects(pool.take(wanted), {
      code: "executor_unavailable",
      found: "\\u{1b}[31mbroken",
      next: /mayfly doctor/,
    });
  }),
);

t.test("warming that fails every time: it stops trying, aloud, and doesn't spin", (t) =>
  withPool(t, { files: withScript("process.exit(4);") }, async (pool, warnings) => {
    pool.keepWarm(wanted, 1);
    await poll(() => warnings.length >= 4);
    await poll(() => pool.warm().warming === 0);
    t.same(pool.warm(), { ready: 0, warming: 0 });
    t.ok(warnings.length <= 6, `${warnings.length} warnings`);
  }),
);

t.test("garbage that comes before a run listens is told to the run that comes", (t) =>
  withPool(t, { files: withScript(impostor("raw(Buffer.alloc(8)); process.exit(0);")) }, async (pool) => {
    const executor = await pool.take(wanted);
    executor.send({ header: { type: "launch" }, body: empty });
    await executor.exited;
    const reason = await new Promise<string>((resolve) => executor.onGarbage(resolve));
    t.match(reason, /header length/);
    t.ok(await executor.kill(5_000));
  }),
);

t.test("frames that come before a run listens are kept for it", (t) =>
  withPool(t, { files: withScript(impostor("done(1); done(2); process.exit(0);")) }, async (pool) => {
    const executor = await pool.take(wanted);
    executor.send({ header: { type: "launch" }, body: empty });
    await executor.exited;
    const types: string[] = [];
    executor.onFrame((frame) => types.push(`${frame.header.type} ${Buffer.from(frame.body)}`));
    t.same(types, ["done 1", "done 2"]);
    await executor.kill(5_000);
  }),
);

t.test("the watch says once which bound was passed, and not when none was", (t) =>
  withPool(t, {}, async (pool) => {
    const [busy, hungry, modest] = await Promise.all([pool.take(wanted), pool.take(wanted), pool.take(wanted)]);
    const breached = (executor: ExecutorProcess, cpuMs: number) =>
      new Promise<string>((resolve) => executor.watch({ cpuMs, memoryBytes: 16 * 1_048_576 }, resolve));
    const modestBreach = breached(modest, 100_000);
    const busyBreach = breached(busy, 100);
    const hungryBreach = breached(hungry, 100_000);
    void launch(busy, "for (;;);", 60_000);
    void launch(
      hungry,
      "c.a = []; for (let i = 0; i < 40; i++) c.a.push(new Uint8Array(1 << 20).fill(1));".replaceAll(
        "c.a",
        "globalThis.a",
      ),
      60_000,
    );
    t.match((await launch(modest, "return 1;", 60_000)).header, { type: "done" });
    t.equal(await busyBreach, "cpu");
    t.equal(await hungryBreach, "memory");
    t.ok(busy.usage().cpuMs >= 100);
    t.ok(hungry.usage().rssBytesPeak > 16 * 1_048_576);
    t.equal(await Promise.race([modestBreach, Promise.resolve("none")]), "none");
    for (const each of [busy, hungry, modest]) t.ok(await each.kill(5_000));
    const measured = busy.usage();
    t.ok(measured.cpuMs >= 100, "and what was measured can be read when it is gone");
  }),
);

/** The soft limit by which the kernel bounds what a process may take, bytes. */
const dataLimit = ({ pid }: ExecutorProcess) =>
  Number(/^Max data size\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1]);

t.test(
  "[RES-05] [RES-06] once an executor has been measured, the next are bounded by what they need, not by a guess",
  (t) =>
    withPool(t, {}, async (pool) => {
      const first = await pool.take(wanted);
      const second = await pool.take(wanted);
      t.ok(pool.layers().some(({ name, armed }) => name === "rlimits" && armed));
      t.ok(dataLimit(second) < dataLimit(first), `${dataLimit(second)} after ${dataLimit(first)}`);
      const room = dataLimit(second) - (readDataBytes(second.pid) ?? 0);
      t.ok(room < 1.5 * wanted.memoryBytes + 40 * 1_048_576, `${room} bytes of room`);
      t.match((await launch(second, "return 1;", 10_000)).header, { type: "done" }, "and it has enough to run");
      await Promise.all([first.kill(5_000), second.kill(5_000)]);
    }),
);

t.test("a supervisor that does nothing at the deadline: the executor ends the job, and then itself", (t) =>
  withPool(t, {}, async (pool) => {
    const looping = await pool.take(wanted);
    t.match((await launch(looping, "for (;;);", 100)).header, { type: "failed", kind: "timeout" });
    const waiting = await pool.take(wanted);
    void launch(waiting, "await new Promise(() => {});", 100);
    t.match(await waiting.exited, { signal: "SIGABRT", outOfMemory: false });
    t.match(await looping.exited, { signal: "SIGABRT", outOfMemory: false });
  }),
);

t.test("a supervisor that is killed while its executor computes: the executor goes with it", async (t) => {
  const supervisor = spawn(process.execPath, [join(import.meta.dirname, "../../executor/abandoning.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = await new Promise<string>((resolve) => supervisor.stdout.once("data", resolve));
  const { pid, ...left } = JSON.parse(said) as Abandoned;
  const startTicks = readStat(pid)?.startTicks ?? 0;
  t.ok(isRunning(pid, startTicks), "it runs");
  supervisor.kill("SIGKILL");
  if (left.diesWithParent) await poll(() => !isRunning(pid, startTicks));
  else t.ok(await killLeftBehind(pid, startTicks), "where the layer isn't armed, recovery ends it");
  t.notOk(isRunning(pid, startTicks));
  const found = findCgroups(left.installation); // as the next start of that installation does
  if ("cgroups" in found) {
    found.cgroups.sweep();
    await found.cgroups.close();
  }
  rmSync(left.directory, { recursive: true });
});

t.test("a pool that is closed", (t) =>
  withPool(t, {}, async (pool) => {
    pool.keepWarm(wanted, 2);
    await pool.close();
    t.same(pool.warm(), { ready: 0, warming: 0 }, "also those that were being made");
    await t.rejects(pool.take(wanted), { code: "executor_unavailable", message: /closed/ });
  }),
);
