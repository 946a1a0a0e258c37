// What /proc says of processes, among them such as would lead a careless reader astray.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import tmp from "tmp";
import {
  bootId,
  firstChild,
  inheritableDescriptors,
  isRunning,
  readDataBytes,
  readStat,
} from "../../../runtime/adapters/system/proc.ts";

const { name: directory, removeCallback } = tmp.dirSync({ unsafeCleanup: true });
t.teardown(removeCallback);

async function ended(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("exit", resolve));
}

async function poll(until: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1_000 && !until(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 5));
}

t.test("this process: alive, with time used and memory resident", async (t) => {
  const stat = readStat(process.pid);
  t.match(stat, { state: /^[RS]$/ });
  const rss = process.memoryUsage.rss();
  t.ok(stat !== undefined && stat.cpuMs > 0 && stat.startTicks > 0);
  t.ok(stat !== undefined && stat.rssBytes > rss / 2 && stat.rssBytes < rss * 2, "in bytes, whatever a page is");
  t.ok(isRunning(process.pid, stat?.startTicks ?? 0));
});

t.test("a process whose name looks like the fields behind it", async (t) => {
  const link = join(directory, "x) Z 1 2 (y");
  symlinkSync("/bin/sleep", link);
  const child = spawn(link, ["600"], { stdio: "ignore" });
  const pid = child.pid ?? 0;
  await poll(() => readStat(pid)?.state === "S");
  const stat = readStat(pid);
  t.equal(stat?.state, "S");
  t.ok((stat?.startTicks ?? 0) >= (readStat(process.pid)?.startTicks ?? 0), "it began after this one");
  await ended(child);
});

t.test("a pid that another process has now: the start time tells them apart", async (t) => {
  const stat = readStat(process.pid);
  t.notOk(isRunning(process.pid, (stat?.startTicks ?? 0) - 1));
  t.notOk(isRunning(process.pid, 0));
});

t.test(
  "what counts under a limit of data grows with what is allocated, and of no process nothing is claimed",
  async (t) => {
    const before = readDataBytes(process.pid) ?? 0;
    const held = Buffer.alloc(64 << 20, 1);
    t.ok((readDataBytes(process.pid) ?? 0) >= before + held.length, "in bytes");
    t.equal(readDataBytes(4_194_305), undefined);
  },
);

t.test("a pid that nobody has", async (t) => {
  t.equal(readStat(4_194_305), undefined, "beyond the kernel's largest");
  t.notOk(isRunning(4_194_305, 1));
  t.equal(firstChild(4_194_305), undefined);
});

t.test("a zombie has ended, though its pid is still there", async (t) => {
  // sleep takes the shell's place and doesn't ask after the child.
  const parent = spawn("/bin/sh", ["-c", "(exit 0) & exec sleep 600"], { stdio: "ignore" });
  await poll(() => readStat(firstChild(parent.pid ?? 0) ?? 0)?.state === "Z");
  const pid = firstChild(parent.pid ?? 0) ?? 0;
  const stat = readStat(pid);
  t.equal(stat?.state, "Z");
  t.notOk(isRunning(pid, stat?.startTicks ?? 0));
  await ended(parent);
});

t.test("a process without children has none", async (t) => {
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  t.equal(firstChild(child.pid ?? 0), undefined);
  await ended(child);
});

t.test(
  "descriptors that a child would be born with: those that this process was itself given, and none that it opened",
  async (t) => {
    const before = inheritableDescriptors();
    const own = openSync("/dev/null", "r");
    t.same(inheritableDescriptors(), before);
    const script = `import(${JSON.stringify(new URL("../../../runtime/adapters/system/proc.ts", import.meta.url).href)}).then((m) => console.log(JSON.stringify(m.inheritableDescriptors())))`;
    // Node itself sees to those from 0 up to the first gap above 15 (libuv's uv_disable_stdio_inheritance).
    const stdio = ["ignore", "pipe", "inherit", ...new Array<"ignore">(57).fill("ignore"), own, "ignore", own] as const;
    const { stdout } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8", stdio: [...stdio] });
    t.same(
      (JSON.parse(stdout) as number[]).filter((fd) => !before.includes(fd)),
      [60, 62],
    );
    closeSync(own);
  },
);

t.test("the boot id names this boot", async (t) => {
  t.match(bootId(), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  t.equal(bootId(), bootId());
});
