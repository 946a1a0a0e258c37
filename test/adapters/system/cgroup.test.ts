// Control groups, for real where this machine lets us make them: the kernel ends what passes the limit, the group says so,
// and nothing of it stays.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import t from "tap";
import { type Cgroups, findCgroups } from "../../../runtime/adapters/system/cgroup.ts";
import { watchResidue } from "../../../runtime/testkit/residue.ts";
import { nobody, whyNobodyCanNot } from "../../support/nobody.ts";

const MiB = 1_048_576;
const installation = "0000c601";
const scope = { stateDirectory: "/nowhere", installation };
const hungry = "const a = []; for (let i = 0; i < 400; i++) a.push(Buffer.alloc(1 << 20, 1)); process.exit(0)";
const exitOf = (child: ReturnType<typeof spawn>) =>
  new Promise<string | number | null>((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));

const found = findCgroups(installation);
const here = "cgroups" in found ? found.cgroups : undefined;
const only = { skip: here === undefined && "missing" in found && found.missing };

async function inGroup(limits: { memoryBytes: number; pidsMax: number }, script: string, name: string) {
  const group = (here as Cgroups).make(name, limits);
  const { file, args } = group.entered(process.execPath, ["-e", script]);
  const child = spawn(file, args, { env: {}, stdio: "ignore" });
  const exit = await exitOf(child);
  return { exit, outOfMemory: group.outOfMemory(), group };
}

t.test(
  "memory beyond the limit: the kernel kills, and the group knows why; a higher limit lets it pass",
  only,
  async (t) => {
    t.match(await inGroup({ memoryBytes: 128 * MiB, pidsMax: 64 }, hungry, "low"), {
      exit: "SIGKILL",
      outOfMemory: true,
    });
    t.match(await inGroup({ memoryBytes: 1_024 * MiB, pidsMax: 64 }, hungry, "high"), { exit: 0, outOfMemory: false });
  },
);

t.test("processes beyond the limit can't be made", only, async (t) => {
  const fork = 'process.exit(require("node:child_process").spawnSync("/bin/true").error ? 7 : 0)';
  t.match(await inGroup({ memoryBytes: 512 * MiB, pidsMax: 64 }, fork, "many"), { exit: 0 });
  const few = await inGroup({ memoryBytes: 512 * MiB, pidsMax: 1 }, fork, "few");
  t.not(few.exit, 0, `it ended with ${few.exit}`);
});

t.test("a process that is moved in is held by the group, and the group can't go before it", only, async (t) => {
  const group = (here as Cgroups).make("moved", { memoryBytes: 128 * MiB, pidsMax: 64 });
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  group.add(child.pid ?? 0);
  t.notOk(group.remove(), "it is in use");
  child.kill("SIGKILL");
  await exitOf(child);
  for (let tries = 0; tries < 200 && !group.remove(); tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 10));
  t.ok(group.remove(), "and once it is gone, it is gone for good");
  t.notOk(group.outOfMemory(), "of a group that is gone nothing is claimed");
});

t.test("a command in a group that can't be entered doesn't run outside of it", only, async (t) => {
  const group = (here as Cgroups).make("gone", { memoryBytes: 128 * MiB, pidsMax: 64 });
  t.ok(group.remove());
  const { file, args } = group.entered("/bin/echo", ["ran"]);
  const { stdout, status } = spawnSync(file, args, { encoding: "utf8" });
  t.equal(stdout, "");
  t.equal(status, 126);
});

t.test("arguments pass as they are, whatever is in them", only, async (t) => {
  const group = (here as Cgroups).make("words", { memoryBytes: 128 * MiB, pidsMax: 64 });
  const words = ["a b", '$(id) "x"', "--", "'", "\n", ""];
  const { file, args } = group.entered(process.execPath, [
    "-e",
    "console.log(JSON.stringify(process.argv.slice(1)))",
    ...words.filter((word) => word !== "--"),
  ]);
  const { stdout } = spawnSync(file, args, { encoding: "utf8" });
  t.same(
    JSON.parse(stdout),
    words.filter((word) => word !== "--"),
  );
});

t.test("what a crashed supervisor left is swept, unless it is in use", only, async (t) => {
  const crashed = findCgroups(installation);
  if (!("cgroups" in crashed) || here === undefined) return;
  crashed.cgroups.make("left", { memoryBytes: 128 * MiB, pidsMax: 8 });
  const inUse = crashed.cgroups.make("in-use", { memoryBytes: 128 * MiB, pidsMax: 8 });
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  inUse.add(child.pid ?? 0);
  here.sweep();
  await here.close();
  t.match(watchResidue().look(scope), [/control group/], "the parent stays while another process has a group in it");
  child.kill("SIGKILL");
  await exitOf(child);
  await crashed.cgroups.close();
  t.same(watchResidue().look(scope), []);
  const again = here.make("again", { memoryBytes: 128 * MiB, pidsMax: 8 });
  t.ok(again.remove(), "a group can be made after another process has removed the parent");
  await here.close();
  t.same(watchResidue().look(scope), []);
});

t.test("a machine where no group can be written is told apart, with the reason", async (t) => {
  if (process.getuid?.() !== 0) {
    t.ok("missing" in found ? found.missing.length > 0 : existsSync("/sys/fs/cgroup"));
    return;
  }
  const why = whyNobodyCanNot();
  if (why !== undefined) return t.pass(`not tried: ${why}`);
  const script = `import(${JSON.stringify(new URL("../../../runtime/adapters/system/cgroup.ts", import.meta.url).href)}).then((m) => console.log(JSON.stringify(m.findCgroups("0000c602"))))`;
  const { stdout } = spawnSync(process.execPath, ["-e", script], {
    encoding: "utf8",
    uid: nobody,
    gid: nobody,
    cwd: "/",
    env: {},
  });
  t.match(JSON.parse(stdout), { missing: /no writable cgroup \(E/ });
});
