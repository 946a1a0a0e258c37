// Which executor may serve again, and for how long it waits: what it takes and whether it is there are read from a real
// process, since that is what could be wrong.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { makeReuse } from "../../../runtime/adapters/system/executor-reuse.ts";
import { readStat } from "../../../runtime/adapters/system/proc.ts";
import type { Clock } from "../../../runtime/ports/clock.ts";
import type { ExecutorProcess } from "../../../runtime/ports/executor-process.ts";
import { impostor } from "../../executor/impostor.ts";
import { openPools, wanted } from "../../support/pool.ts";

const MiB = 1_048_576;

/** Takes as much memory as it is told to, and touches it. */
const taker = `
const held = [];
process.stdin.on("data", (text) => { held.push(Buffer.alloc(Number(text), 1)); process.stdout.write("took"); });
process.stdout.write("ready");
`;

interface Stand {
  child: ChildProcess;
  executor: ExecutorProcess;
  take(bytes: number): Promise<void>;
  killed: () => boolean;
}

/** A process that can be measured, in an executor's place. */
async function standIn(t: Test, renews = true): Promise<Stand> {
  const child = spawn(process.execPath, ["-e", taker], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  t.teardown(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  await once(child.stdout, "data");
  const pid = child.pid ?? 0;
  let wasKilled = false;
  const executor = {
    pid,
    startTicks: readStat(pid)?.startTicks ?? 0,
    exited,
    renew: async () => renews,
    kill: async () => {
      wasKilled = true;
      return true;
    },
  } as unknown as ExecutorProcess;
  const take = async (bytes: number) => {
    child.stdin.write(String(bytes));
    await once(child.stdout, "data");
  };
  return { child, executor, take, killed: () => wasKilled };
}

t.test("it waits under its own key, and is taken once", async (t) => {
  const reuse = makeReuse({ runsMax: 10, idleMax: 2 }, systemClock);
  const { executor } = await standIn(t);
  t.ok(await reuse.giveBack(executor, wanted, "mine"));
  t.equal(reuse.take("another"), undefined);
  t.equal(reuse.take("mine"), executor);
  t.equal(reuse.take("mine"), undefined);
  await reuse.close();
});

t.test(
  "one whose memory has grown by more than a run's rest is not kept; one that has grown a little is",
  async (t) => {
    const reuse = makeReuse({ runsMax: 10, idleMax: 2 }, systemClock);
    const { executor, take } = await standIn(t);
    t.ok(await reuse.giveBack(executor, wanted, "k"));
    reuse.take("k");
    await take(4 * MiB);
    t.ok(await reuse.giveBack(executor, wanted, "k"));
    reuse.take("k");
    await take(40 * MiB);
    t.notOk(await reuse.giveBack(executor, wanted, "k"));
    await reuse.close();
  },
);

t.test(
  "one that can't be renewed, one run too many, one more than may wait, one that has died: not kept",
  async (t) => {
    const reuse = makeReuse({ runsMax: 3, idleMax: 1 }, systemClock);
    t.notOk(await reuse.giveBack((await standIn(t, false)).executor, wanted, "k"), "not renewed");
    const { executor, child } = await standIn(t);
    t.ok(await reuse.giveBack(executor, wanted, "k"));
    t.notOk(await reuse.giveBack((await standIn(t)).executor, wanted, "k"), "one waits already");
    reuse.take("k");
    t.ok(await reuse.giveBack(executor, wanted, "k"), "its second run");
    reuse.take("k");
    t.notOk(await reuse.giveBack(executor, wanted, "k"), "its third: no fourth will come");
    const another = await standIn(t);
    t.ok(await reuse.giveBack(another.executor, wanted, "k"));
    another.child.kill("SIGKILL");
    await once(another.child, "exit");
    t.equal(reuse.take("k"), undefined, "it died while it waited");
    t.notOk(await reuse.giveBack(another.executor, wanted, "k"));
    child.kill("SIGKILL");
    await reuse.close();
  },
);

t.test("nobody comes: after half a minute it is ended, and at the end of all that wait", async (t) => {
  const due: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    setTimer(delayMs, call) {
      t.equal(delayMs, 30_000);
      due.push(call);
      return () => {};
    },
  };
  const reuse = makeReuse({ runsMax: 10, idleMax: 2 }, clock);
  const [first, second] = [await standIn(t), await standIn(t)];
  t.ok(await reuse.giveBack(first.executor, wanted, "k"));
  due[0]?.();
  t.ok(first.killed());
  t.equal(reuse.take("k"), undefined);
  t.ok(await reuse.giveBack(second.executor, wanted, "k"));
  await reuse.close();
  t.ok(second.killed());
  t.notOk(await reuse.giveBack(second.executor, wanted, "k"), "closed");
});

const { directory, files, withPool } = await openPools(t, "0000f0ee");

for (const [name, onRenew, isKept] of [
  [
    "the executor says that it is ready again, with the word it was given",
    'say({ type: "ready", word: header.word });',
    true,
  ],
  [
    "what a guest before could have said: no word, or another",
    'say({ type: "ready" }); say({ type: "ready", word: "x" });',
    false,
  ],
] as const)
  t.test(`${name}: ${isKept ? "kept" : "not kept"}`, async (t) => {
    const entry = join(directory, `renewed-${isKept}.cjs`);
    writeFileSync(entry, impostor("", `onReply = (header) => { ${onRenew} };`), { mode: 0o644 });
    const reuse = { runsMax: 3, idleMax: 1 };
    await withPool(t, { files: { ...files, entry }, reuse }, async (pool) => {
      const executor = await pool.take(wanted, "key");
      t.equal(await pool.giveBack(executor, wanted, "key"), isKept);
      if (!isKept) await executor.kill(5_000);
    });
  });
