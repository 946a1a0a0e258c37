// RES-05, RES-06, RES-07: jobs that take memory, where executors have control groups; what the kernel itself ends; and what
// is nested too deep for a stack.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import tmp from "tmp";
import { openRuns } from "../support/runs.ts";
import { limits, MiB, memoryJobs, proveMemory } from "./memory-attacks.ts";

const { name: directory, removeCallback } = tmp.dirSync({ unsafeCleanup: true });
t.teardown(removeCallback);
const goOn = join(directory, "on");

const runs = await openRuns({
  ...memoryJobs,
  recursion: { body: "const f = (n) => f(n + 1) + 1; return f(0);", limits },
  "caught recursion": {
    body: "const f = (n) => { try { return f(n + 1); } catch { return n; } }; return f(0) > 100;",
    limits,
  },
  "a nested result": {
    body: "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a;",
    limits: { ...limits, memoryBytes: 256 * MiB },
  },
  "a nested text": {
    body: 'return JSON.parse("[".repeat(1e5) + "]".repeat(1e5)).length;',
    limits: { ...limits, memoryBytes: 256 * MiB },
  },
  "a moderate need": {
    body: `
      await c.credential.fetch(); c.log.info("here");
      while ((await c.files.stat("/go/on")) === null) await new Promise((f) => setTimeout(f, 10));
      const a = []; for (let i = 0; i < 32; i++) a.push(new Uint8Array(1 << 20).fill(1)); return a.length;
    `,
    limits: { ...limits, memoryBytes: 64 * MiB },
    mounts: { "/go": directory },
    credential: true,
  },
});
const hasGroups = runs.runtime.pool.layers().some(({ name, armed }) => name === "cgroup" && armed);

proveMemory(t, runs, hasGroups ? "in a control group" : "watched, since this machine has no writable control group");

t.test("[RES-05] recursion without end is the job's own error, and a job may catch it", async (t) => {
  t.match(await runs.run("recursion"), { state: "failed", error: { code: "job_threw", message: /call stack/ } });
  t.match(await runs.run("caught recursion"), { state: "succeeded", result: true });
});

t.test("[RES-11] what is nested a hundred thousand deep is refused, on no stack of the host", async (t) => {
  t.match(await runs.run("a nested result"), {
    state: "failed",
    error: { code: "job_shape", message: /nested deeper/ },
  });
  t.not((await runs.run("a nested text")).error?.code, "crash");
});

/** Files by which the kernel is told, version 2 and version 1. */
function limitFile(pid: number): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  const own = lines.find((line) => line.includes("mayfly-") && /^\d+:(memory)?:/.test(line)) ?? "";
  const [, controller, path] = own.split(":");
  return controller === "" ? `/sys/fs/cgroup${path}/memory.max` : `/sys/fs/cgroup/memory${path}/memory.limit_in_bytes`;
}

t.test(
  "[RES-07] the kernel kills an executor for want of memory before anybody looks: the reason is memory all the same",
  { skip: !hasGroups && "no writable control group here" },
  async (t) => {
    const hostile = await runs.start("a moderate need");
    await runs.event((event) => event.runId === hostile.id && event.type === "log");
    const status = readFileSync(`/proc/${hostile.pid}/status`, "utf8");
    const privateBytes = Number(/^RssAnon:\s*(\d+)/m.exec(status)?.[1]) * 1_024;
    writeFileSync(limitFile(hostile.pid), String(privateBytes + 12 * MiB));
    writeFileSync(goOn, "");
    const record = await hostile.done;
    t.match(record, { state: "limit", error: { code: "memory" }, lease: { state: "revoked" } });
    t.match(record.teardown, { process: "confirmed", directory: "confirmed" });
    t.match(await runs.run("first"), { state: "succeeded" }, "the next run starts");
    t.match(await runs.run("a moderate need"), { state: "succeeded", result: 32 }, "with its own limit it has enough");
  },
);

t.test("what all of them left behind", (t) => runs.end(t));
