// CRASH-12, CRASH-13: an executor that doesn't keep to the protocol, as one would whose isolate was escaped from. Real
// processes behind the real walls, with a script of ours in the executor's place. The run ends, its process is gone,
// the supervisor goes on.
import t, { type Test } from "tap";
import type { RunRecord } from "../../runtime/model/run.ts";
import { type JobUnderTest, openRuns, type Runs, type RunsOptions } from "../support/runs.ts";
import { impostor } from "./impostor.ts";

async function withImpostor(
  t: Test,
  script: string,
  tell: (runs: Runs) => Promise<void>,
  job: JobUnderTest = {},
  options: RunsOptions = {},
): Promise<void> {
  const limits = { wallMs: 30_000, cpuMs: 30_000, ...job.limits };
  const runs = await openRuns({ job: { body: "", ...job, limits } }, { ...options, executorScript: script });
  await tell(runs);
  await runs.end(t);
}

const crashes: Record<string, { onLaunch: string; message: RegExp }> = {
  "a frame of a gigabyte": {
    onLaunch: "raw(Buffer.from([0, 0, 0, 2, 0x40, 0, 0, 0]));",
    message: /body length out of bounds/,
  },
  "a header of a gigabyte": { onLaunch: "raw(Buffer.from([0x40, 0, 0, 0, 0, 0, 0, 0]));", message: /header length/ },
  "a header of nothing": { onLaunch: "raw(Buffer.alloc(8));", message: /header length/ },
  "random bytes": {
    onLaunch: 'raw(require("node:crypto").randomBytes(100_000).fill(255, 0, 1));',
    message: /header length/,
  },
  "a header that is no JSON": { onLaunch: 'say("{]");', message: /no JSON/ },
  "a header that is no UTF-8": {
    onLaunch: "raw(Buffer.from([0, 0, 0, 2, 0, 0, 0, 0, 0xff, 0xfe]));",
    message: /no JSON/,
  },
  "a header that is no object": { onLaunch: 'say("[]");', message: /no object with a type/ },
  "a header whose type is an object": { onLaunch: "say({ type: {} });", message: /no object with a type/ },
  "a frame of unknown type": { onLaunch: 'say({ type: "launch" });', message: /out of turn/ },
  "a reply to itself": { onLaunch: 'say({ type: "reply", id: 1, ok: true });', message: /out of turn/ },
  "a type out of the prototype": { onLaunch: 'say({ type: "__proto__" });', message: /out of turn/ },
  "a failure that is none": { onLaunch: 'say({ type: "failed", name: {}, message: 1 });', message: /out of turn/ },
  "a failure of another kind": {
    onLaunch: 'say({ type: "failed", name: "E", message: "m", stack: "", kind: "killed" });',
    message: /out of turn/,
  },
  "a failure with more than belongs there": {
    onLaunch: 'say({ type: "failed", name: "E", message: "m", stack: "", kind: "threw", state: "succeeded" });',
    message: /out of turn/,
  },
  "a body of 14 MiB on a call that takes none": {
    onLaunch:
      'const args = { level: "info", text: "x" }; say({ type: "call", id: 1, op: "log.write", args }, "b".repeat(14 << 20));',
    message: /longer than its header allows/,
  },
  "a result that is no JSON": { onLaunch: 'say({ type: "done" }, "{]");', message: /no JSON/ },
  "a result that is nothing": { onLaunch: 'say({ type: "done" });', message: /no JSON/ },
  "a result that nests four hundred thousand deep": {
    onLaunch: 'say({ type: "done" }, "[".repeat(400_000) + "]".repeat(400_000));',
    message: /nests deeper than/,
  },
  "an end in the middle of a frame": {
    onLaunch: 'raw(frame({ type: "done" }, "[]").subarray(0, 12)); process.exit(0);',
    message: /died: exit code 0/,
  },
  "an end without a word": { onLaunch: "process.exit(7);", message: /died: exit code 7/ },
};

for (const [name, { onLaunch, message }] of Object.entries(crashes)) {
  t.test(`${name}: the run is a crash, and the supervisor lives`, (t) =>
    withImpostor(t, impostor(onLaunch), async (runs) => {
      const record = await runs.run("job");
      t.match(record, { state: "failed", result: null, error: { code: "crash", message } });
      t.match(record.teardown, { process: "confirmed", directory: "confirmed" });
    }),
  );
}

t.test("[RES-11] a result over its limit, from an executor that doesn't look: the supervisor does", (t) =>
  withImpostor(
    t,
    impostor('say({ type: "done" }, JSON.stringify("x".repeat(200_000)));'),
    async (runs) => {
      t.match(await runs.run("job"), { state: "limit", result: null, error: { code: "output" } });
    },
    { limits: { resultBytes: 100_000 } },
  ),
);

t.test("[CRASH-12] half a frame and then silence: ended by the deadline", (t) =>
  withImpostor(
    t,
    impostor('raw(frame({ type: "done" }, "[]").subarray(0, 12));'),
    async (runs) => {
      t.match(await runs.run("job"), { state: "limit", error: { code: "timeout" } });
    },
    { limits: { wallMs: 400 } },
  ),
);

t.test("[CRASH-13] `done` twice, and `failed` after it: the first word counts", (t) =>
  withImpostor(
    t,
    impostor('done(1); done(2); say({ type: "failed", name: "E", message: "m", stack: "", kind: "threw" });'),
    async (runs) => {
      t.match(await runs.run("job"), { state: "succeeded", result: 1 });
      t.equal(runs.events.filter((event) => event.type === "ended").length, 1, "one end");
    },
  ),
);

t.test("an executor that never says it is ready, or says something else: no run, and the reason", async (t) => {
  await withImpostor(t, "process.exit(3);", async (runs) => {
    t.match(await runs.run("job"), {
      state: "failed",
      error: { code: "executor_unavailable" },
      teardown: { process: "none" },
    });
  });
  await withImpostor(t, impostor("", "done(1);"), async (runs) => {
    t.match(await runs.run("job"), { error: { code: "executor_unavailable", message: /not `ready`/ } });
  });
});

const denied = (record: RunRecord) => record.denials.map(({ capability, code }) => `${capability} ${code}`);

t.test("[CRASH-13] calls of another shape, and calls for what was not granted: each is denied, whoever asks", (t) =>
  withImpostor(
    t,
    impostor(`
      onReply = () => { if (replies.length === 6) done(replies.map((r) => [r.id, r.ok, r.error.code])); };
      say({ type: "call", id: 1, op: "files.read", args: { path: 1 } });
      say({ type: "call", id: 2, op: "constructor", args: {} });
      say({ type: "call", id: 3, op: "credential.fetch", args: {} });
      say({ type: "call", id: 4, op: "http.request", args: { url: "http://127.0.0.1:1/", method: "GET", headers: [], redirect: "follow", body: "none", bodyBytes: null } });
      say({ type: "call", id: 5, op: "files.write", args: { path: "/../../../tmp/x", mode: "replace" } }, "x");
      say({ type: "call", id: 6, op: "files.read", args: { path: "/output/x", runId: "run_of_another" } });
      say({ type: "call", id: "7", op: "files.read", args: {} });
      say({ type: "call" });
    `),
    async (runs) => {
      const record = await runs.run("job");
      t.equal(record.state, "succeeded");
      const answers = (record.result as [number, boolean, string][]).sort(([a], [b]) => a - b);
      t.same(
        answers.map(([id, ok]) => [id, ok]),
        [1, 2, 3, 4, 5, 6].map((id) => [id, false]),
      );
      t.same(
        answers.map(([, , code]) => code),
        ["call_invalid", "call_invalid", "grant", "not_allowed", "path", "call_invalid"],
      );
      t.equal(denied(record).length, 6);
    },
  ),
);

t.test("the same call id twice at once: one is served, the other told that it is busy", (t) =>
  withImpostor(
    t,
    impostor(`
      onReply = () => { if (replies.length === 2) done(replies.map((r) => r.ok ? "ok" : r.error.code).sort()); };
      raw(Buffer.concat([frame({ type: "call", id: 1, op: "files.stat", args: { path: "/" } }), frame({ type: "call", id: 1, op: "files.stat", args: { path: "/" } })]));
    `),
    async (runs) => {
      t.match(await runs.run("job"), { state: "succeeded", result: ["busy", "ok"] });
    },
  ),
);

t.test(
  "[CRASH-12] an executor that asks and never reads the answers: one of them waits for it, and no second is made",
  (t) =>
    withImpostor(
      t,
      impostor(`
      onReply = () => {
        pipe.pause();
        setInterval(() => {}, 1e6); // a process that listens to nothing would end
        for (let id = 2; id < 200; id++) say({ type: "call", id, op: "files.read", args: { path: "/big" } });
      };
      say({ type: "call", id: 1, op: "files.write", args: { path: "/big", mode: "replace" } }, "x".repeat(8 << 20));
    `),
      async (runs) => {
        let heldBytes = 0;
        const before = process.memoryUsage().arrayBuffers;
        const sampling = setInterval(() => {
          heldBytes = Math.max(heldBytes, process.memoryUsage().arrayBuffers - before);
        }, 20);
        t.match(await runs.run("job"), { state: "limit", error: { code: "timeout" } });
        clearInterval(sampling);
        t.ok(heldBytes < 64 * 1_048_576, `198 answers of 8 MiB, and ${heldBytes} bytes held`);
      },
      { limits: { wallMs: 3_000 } },
    ),
);
