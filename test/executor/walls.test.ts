// What an executor is, seen from outside while a job runs in it, and what a script of ours can do in its place: the walls
// behind the isolate. What this machine lacks (see `mayfly doctor`) is not asked for here; what is said to be armed is.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import t from "tap";
import { inspectExecutor } from "../../runtime/adapters/system/inspect-executor.ts";
import { openRuns } from "../support/runs.ts";
import { impostor } from "./impostor.ts";

/** Names of a finding in the plan. */
const planned: Record<string, string> = {
  "empty-environment": "process",
  "no-new-privs": "no-new-privs",
  "unprivileged-uid": "unprivileged-uid",
  "net-namespace": "network-namespace",
  "mnt-namespace": "mount-tree",
  "pid-namespace": "pid-namespace",
  "ipc-namespace": "pid-namespace",
  "uts-namespace": "pid-namespace",
  "mount-tree": "mount-tree",
  seccomp: "seccomp",
  rlimits: "rlimits",
  cgroup: "cgroup",
};

t.test("a layer that the plan calls armed and that isn't there", async (t) => {
  const runs = await openRuns({ job: { body: "await new Promise(() => {});", limits: { wallMs: 60_000 } } });
  const { id, pid, done } = await runs.start("job");
  const layers = new Map(runs.runtime.pool.layers().map((layer) => [layer.name, layer.armed]));
  for (const { name, armed, how } of inspectExecutor(pid)) {
    if (layers.get(planned[name] ?? "") === true) t.ok(armed, `${name}: ${how}`);
    else t.comment(`not here: ${name}: ${how}`);
  }
  t.equal(layers.get("process"), true);

  const hasNetwork = !(layers.get("network-namespace") ?? false);
  const interfaces = readFileSync(`/proc/${pid}/net/dev`, "utf8").split("\n").slice(2).filter(Boolean);
  if (!hasNetwork) t.match(interfaces, [/^ *lo:/], "no network interface but the empty loopback");
  if (!hasNetwork) t.equal(interfaces.length, 1);

  const open = readdirSync(`/proc/${pid}/fd`).map((fd) => [fd, readlinkSync(`/proc/${pid}/fd/${fd}`)] as const);
  const files = open.filter(([, target]) => target.startsWith("/") && target !== "/dev/null");
  t.same(
    files.map(([, target]) => target).filter((target) => target !== "/"),
    [],
    "no file is open in it",
  );
  if (layers.get("mount-tree") === true) {
    for (const [fd] of files) t.not(statSync(`/proc/${pid}/fd/${fd}`).dev, statSync("/").dev, "its root is its own");
  }
  t.equal(open.filter(([, target]) => target.startsWith("socket:")).length, 2, "and two sockets: its pipe and stderr");
  const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
  t.notMatch(command, new RegExp(id), "its command names no run");
  runs.runtime.scheduler.kill(id, "seen enough");
  await done;
  await runs.end(t);
});

t.test("a descriptor that the supervisor was started with, which every child would be born with", async (t) => {
  const fd = openSync(import.meta.filename, "r");
  // Node itself sees to those from 0 up to the first gap above 15 (libuv's uv_disable_stdio_inheritance).
  const stdio = ["ignore", "pipe", "inherit", ...new Array<"ignore">(57).fill("ignore"), fd] as const;
  const supervisor = spawn(process.execPath, [join(import.meta.dirname, "inheriting.ts")], { stdio: [...stdio] });
  closeSync(fd);
  let text = "";
  for await (const chunk of supervisor.stdout as Readable) text += chunk;
  const { executor, supervisor: own } = JSON.parse(text) as { executor: string[]; supervisor: string[] };
  t.ok(own.includes(import.meta.filename), "the supervisor has it");
  t.notOk(executor.includes(import.meta.filename), "its executor hasn't");
});

t.test("the look from outside isn't blind: of an ordinary process it says that nothing is armed", async (t) => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"], {
    env: { SECRET: "x" },
    stdio: "ignore",
  });
  const findings = inspectExecutor(child.pid ?? 0);
  const armed = findings.filter((finding) => finding.armed).map((finding) => finding.name);
  t.same(
    armed.filter((name) => name !== "no-new-privs" && name !== "unprivileged-uid" && name !== "rlimits"),
    [],
  );
  t.match(findings.find(({ name }) => name === "empty-environment")?.how, /SECRET/);
  t.notMatch(findings.find(({ name }) => name === "empty-environment")?.how, /x$/, "values are not shown");
  await ended(child);
});

/** An expression with `port` and `report`: tries what an escaped job would try. */
const tries = `
  const trial = async (name, action) => { try { return [name, String(await action())]; } catch (e) { return [name, "refused: " + (e.code ?? e.message)]; } };
  const fs = require("node:fs");
  report(Promise.all([
    trial("environment", () => Object.keys(process.env).filter((name) => name !== "PWD").join()),
    trial("uid", () => process.getuid()),
    trial("root again", () => { process.setuid(0); return process.getuid(); }),
    trial("processes", () => fs.readdirSync("/proc").length),
    trial("passwd", () => fs.readFileSync("/etc/passwd", "utf8").length),
    trial("write", () => fs.writeFileSync("/tmp/escaped", "x")),
    trial("write here", () => fs.writeFileSync("/escaped", "x")),
    trial("child", () => new Promise((f, r) => require("node:child_process").spawn("/node", ["-v"]).on("error", r).on("exit", f))),
    trial("worker", () => new Promise((f, r) => new (require("node:worker_threads").Worker)("0", { eval: true }).on("error", r).on("exit", f))),
    trial("connect", () => new Promise((f, r) => require("node:net").connect(port, "127.0.0.1").on("connect", () => f("connected")).on("error", r))),
    trial("name", () => require("node:dns").promises.lookup("localhost.example").then((a) => a.address)),
    trial("inspector", () => { require("node:inspector").open(0, "127.0.0.1"); return "open"; }),
    trial("kill the parent", () => process.kill(process.ppid, 0)),
  ]));
`;

t.test(
  "[ISO-18] [RES-22] a process that has left its isolate: no environment, file, child, thread, name or connection",
  async (t) => {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const script = impostor(`const port = ${port}; const report = (all) => all.then(done); ${tries}`);
    const runs = await openRuns({ job: { body: "", limits: { wallMs: 60_000 } } }, { executorScript: script });
    const record = await runs.run("job");
    t.equal(record.state, "succeeded", record.error?.message ?? "it reports");
    const found = Object.fromEntries(record.result as [string, string][]);
    t.equal(found.environment, "");
    const armed = (name: string) => record.layers.some((layer) => layer.name === name && layer.armed);
    for (const name of ["processes", "passwd", "write", "write here", "child", "worker", "inspector"]) {
      t.match(found[name], /^refused/, name);
    }
    if (armed("network-namespace")) for (const name of ["connect", "name"]) t.match(found[name], /^refused/, name);
    // The script stands where the executor would have given up the rights to become another user; the real one is seen above.
    t.comment(found);
    t.equal(connections, 0, "nothing reached the listener");
    await runs.end(t);

    const twin = spawn(process.execPath, [
      "-e",
      `const port = ${port}; const report = (all) => all.then((a) => { console.log(JSON.stringify(a)); process.exit(0); }); ${tries.replace('"/tmp/escaped"', '"/dev/null"')}`,
    ]);
    let text = "";
    for await (const chunk of twin.stdout) text += chunk;
    const free = Object.fromEntries(JSON.parse(text) as [string, string][]);
    t.equal(free.connect, "connected", "the same script outside of the walls does reach it");
    t.equal(connections, 1);
    for (const name of ["processes", "passwd", "worker", "inspector"]) t.notMatch(free[name], /^refused/, name);
    await new Promise((resolve) => server.close(resolve));
  },
);

async function ended(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("exit", resolve));
}
