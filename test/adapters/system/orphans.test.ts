// What is killed as an orphan must be provably ours, and nobody's: real bubblewraps, told apart by what they show.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { killOrphans } from "../../../runtime/adapters/system/orphans.ts";
import { readStat } from "../../../runtime/adapters/system/proc.ts";
import { thisProcess } from "../../../runtime/adapters/system/process-identity.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { findOnPath } from "../../support/cli.ts";

const me = thisProcess("test", systemClock, systemRandom);
const bwrap = await findOnPath("bwrap");

/** A state directory's cache, with an executor's file in it. */
function makeCache(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-orphans-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(join(directory, "cache"));
  writeFileSync(join(directory, "cache", "executor-1.cjs"), "");
  return join(directory, "cache");
}

function start(t: Test, program: string, args: string[]) {
  const child = spawn(program, args, { stdio: "ignore" });
  t.teardown(() => void child.kill("SIGKILL"));
  return { pid: child.pid ?? 0, exited: once(child, "exit") };
}

/** One that looks as an executor's does. */
function startSandbox(t: Test, cache: string, walls = ["--die-with-parent"]) {
  const file = join(cache, "executor-1.cjs");
  return start(t, bwrap ?? "", ["--ro-bind", "/", "/", ...walls, "--ro-bind", file, file, "sleep", "600"]);
}

const lives = (pid: number) => ![undefined, "Z"].includes(readStat(pid)?.state);

t.test("an executor without a living supervisor is ended", async (t) => {
  if (bwrap === undefined) return t.plan(0, "bubblewrap is not installed");
  const cache = makeCache(t);
  const { pid, exited } = startSandbox(t, cache);
  await shows(pid, "bwrap");
  t.ok((await killOrphans(cache, [])) >= 1);
  await exited;
  t.notOk(lives(pid));
});

t.test("the executor of a living supervisor is not", async (t) => {
  if (bwrap === undefined) return t.plan(0, "bubblewrap is not installed");
  const cache = makeCache(t);
  const { pid } = startSandbox(t, cache);
  await shows(pid, "bwrap");
  t.equal(await killOrphans(cache, [me]), 0);
  t.ok(lives(pid));
  t.ok(
    (await killOrphans(cache, [{ ...me, startTicks: me.startTicks + 1 }])) >= 1,
    "a stranger with its pid is no supervisor",
  );
});

t.test("another installation's, another program with the same words, and another sandbox are let alone", async (t) => {
  if (bwrap === undefined) return t.plan(0, "bubblewrap is not installed");
  const cache = makeCache(t);
  const other = makeCache(t);
  const shell = `while :; do sleep 1; done # --die-with-parent ${cache}/executor-1.cjs`;
  const strangers = [
    startSandbox(t, other),
    start(t, "/bin/sh", ["-c", shell, "--die-with-parent", `${cache}/executor-1.cjs`]),
    startSandbox(t, cache, []),
  ];
  for (const { pid } of strangers) await shows(pid, "");
  t.equal(await killOrphans(cache, []), 0);
  for (const { pid } of strangers) t.ok(lives(pid));
});

/** Waits until the process has become its program. */
async function shows(pid: number, program: string): Promise<void> {
  for (;;) {
    const exe = readlinkSync(`/proc/${pid}/exe`);
    if (exe !== process.execPath && exe.endsWith(program)) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
