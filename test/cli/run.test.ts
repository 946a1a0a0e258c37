// `mayfly run` and what people do to it: each mistake has its code, its exit code, and a message that says what to do.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import t, { type Test } from "tap";
import {
  configOf,
  type Ended,
  ledgerOf,
  makeProject,
  mayfly,
  type Project,
  type ProjectFiles,
  recordOf,
} from "../support/cli.ts";

t.test("what a job returns is all that is on stdout; the rest is on stderr", async (t) => {
  const project = await makeProject(t, {
    config: configOf({ hello: "" }),
    jobs: { hello: `console.log("a line"); return { hello: input.name };` },
  });
  const { code, stdout, stderr } = await mayfly(t, project, ["run", "hello", "--input", '{"name": "you"}']);
  t.equal(code, 0, stderr);
  t.same(JSON.parse(stdout), { hello: "you" });
  t.match(stderr, /a line/);
  t.match(stderr, /^succeeded /m);
});

t.test("--json: the run record, as outsiders rely on it, and quiet means quiet", async (t) => {
  const project = await makeProject(t, {
    config: configOf({ hello: "" }),
    jobs: { hello: `await files.write("/output/a.txt", "abc"); return 1;` },
  });
  const ended = await mayfly(t, project, ["run", "hello", "--json", "--quiet"]);
  t.equal(ended.code, 0);
  t.notMatch(ended.stderr, /accepted|teardown/);
  const record = recordOf(ended);
  t.match(record, {
    id: /^run_[0-9a-f]{32}$/,
    job: "hello",
    trigger: { kind: "run" },
    state: "succeeded",
    result: 1,
    error: null,
    bundle: { digest: /^sha256:[0-9a-f]{64}$/ },
    lease: null,
    denials: [],
    outputs: [{ path: "a.txt", bytes: 3, sha256: /^ba7816bf/ }],
    teardown: {
      isolate: "confirmed",
      process: "confirmed",
      directory: "confirmed",
      sockets: "confirmed",
      lease: "none",
    },
  });
  for (const at of [record.acceptedAt, record.startedAt, record.endedAt]) t.match(at, /^\d{4}-.*Z$/);
  const counters = ["cpuMs", "wallMs", "memoryBytesPeak", "requests", "bytesIn", "bytesOut", "filesWritten"];
  t.same(Object.keys(record.usage).sort(), counters.sort());
  t.equal(typeof record.limits.wallMs, "number");
});

t.test("input from a file and from standard input", async (t) => {
  const project = await makeProject(t, { config: configOf({ echo: "" }), jobs: { echo: "return input;" } });
  await project.write("in.json", '{"from": "file"}');
  const file = await mayfly(t, project, ["run", "echo", "--input-file", "in.json"]);
  t.same(JSON.parse(file.stdout), { from: "file" });
  const stdin = await mayfly(t, project, ["run", "echo", "--input-file", "-"], { input: "[1]" });
  t.same(JSON.parse(stdin.stdout), [1]);
});

interface Mistake {
  files: ProjectFiles;
  args: readonly string[];
  exit: number;
  code: string;
  /** What stderr must say, beside the code. */
  says: RegExp;
}

const hello = { config: configOf({ hello: "", "order-sync": "" }), jobs: { hello: "return 1;" } };

const mistakes: Record<string, Mistake> = {
  "there is no config": {
    files: {},
    args: ["run", "hello"],
    exit: 2,
    code: "config_missing",
    says: /defineConfig[\s\S]*next:/,
  },
  "the config that was named isn't there": {
    files: hello,
    args: ["run", "hello", "--config", "other.ts"],
    exit: 2,
    code: "config_missing",
    says: /other\.ts[\s\S]*next:/,
  },
  "the config throws": {
    files: { config: `import "mayfly";\nconst port = undefined;\nexport default { jobs: port.name };\n` },
    args: ["run", "hello"],
    exit: 2,
    code: "config_throws",
    says: /sandbox\.config\.ts:3[\s\S]*next:/,
  },
  "the config is no TypeScript": {
    files: { config: "export default {" },
    args: ["run", "hello"],
    exit: 2,
    code: "config_throws",
    says: /sandbox\.config\.ts/,
  },
  "the config has a key that nobody knows": {
    files: { config: `{ jobs: { hello: { entry: "./jobs/hello.ts", netwrok: { allow: [] } } } }` },
    args: ["run", "hello"],
    exit: 2,
    code: "config_invalid",
    says: /netwrok[\s\S]*network/,
  },
  "the job's name has a slip": {
    files: hello,
    args: ["run", "order-snyc"],
    exit: 2,
    code: "job_unknown",
    says: /did you mean order-sync\?/,
  },
  "the job's name means nothing": {
    files: hello,
    args: ["run", "zebra"],
    exit: 2,
    code: "job_unknown",
    says: /one of: hello, order-sync/,
  },
  "the input is no JSON": {
    files: hello,
    args: ["run", "hello", "--input", "{name: you}"],
    exit: 2,
    code: "input_invalid",
    says: /\{name: you\}[\s\S]*next:/,
  },
  "the input's file isn't there": {
    files: hello,
    args: ["run", "hello", "--input-file", "nowhere.json"],
    exit: 2,
    code: "input_invalid",
    says: /nowhere\.json/,
  },
  "two inputs": {
    files: hello,
    args: ["run", "hello", "--input", "1", "--input-file", "x"],
    exit: 2,
    code: "usage",
    says: /one of them/,
  },
  "the job's file isn't there": {
    files: hello,
    args: ["run", "order-sync"],
    exit: 2,
    code: "job_missing",
    says: /order-sync\.ts/,
  },
  "the job doesn't build": {
    files: { config: configOf({ hello: "" }), jobs: { hello: "import 'x';\n\nconst = 1;" } },
    args: ["run", "hello"],
    exit: 1,
    code: "bundle_failed",
    says: /jobs\/hello\.ts:3/,
  },
  "the job needs what a sandbox doesn't have": {
    files: { config: configOf({ hello: "" }), jobs: { hello: `import net from "node:net";\nexport default net;` } },
    args: ["run", "hello"],
    exit: 1,
    code: "bundle_failed",
    says: /node:net/,
  },
};

for (const [what, { files, args, exit, code, says }] of Object.entries(mistakes)) {
  t.test(`${what}: exit ${exit}, ${code}, and the way out`, async (t) => {
    const project = await makeProject(t, files);
    const ended = await mayfly(t, project, args);
    t.match(ended.stderr, new RegExp(`\\[(${code})\\]`));
    t.match(ended.stderr, says);
    t.equal(ended.code, exit);
    t.equal(ended.stdout, "", "nothing on stdout that a program could take for a result");
    t.notMatch(ended.stderr, /at .*runtime\//, "no stack of ours");
  });
}

t.test("with --json an error is on stdout too, for programs", async (t) => {
  const project = await makeProject(t, hello);
  const { code, stdout } = await mayfly(t, project, ["run", "zebra", "--json"]);
  t.equal(code, 2);
  t.match(JSON.parse(stdout), { error: { code: "job_unknown", message: /zebra/, needed: /hello/ } });
});

t.test("words that the command line doesn't know: exit 2, with a suggestion", async (t) => {
  const project = await makeProject(t, hello);
  const verb = await mayfly(t, project, ["rnu", "hello"]);
  t.match(verb, { code: 2, stderr: /run/ });
  t.match(await mayfly(t, project, ["run", "hello", "--imput", "1"]), { code: 2, stderr: /--input/ });
  t.match(await mayfly(t, project, ["run"]), { code: 2, stderr: /job/ });
  t.match(await mayfly(t, project, ["--help"]), { code: 0, stdout: /Exit codes: 0 succeeded/ });
});

interface Failing {
  job: string;
  extra?: string;
  exit: number;
  state: string;
  code: string;
  says?: RegExp;
}

const failing: Record<string, Failing> = {
  "a job that throws": {
    job: `\n  const order = undefined;\n  return order.id;`,
    exit: 1,
    state: "failed",
    code: "job_threw",
    says: /jobs\/bad\.ts:5[\s\S]*return order\.id/,
  },
  "a job that throws no error": {
    job: `throw { toString() { return "boom"; } };`,
    exit: 1,
    state: "failed",
    code: "job_threw",
  },
  "a job that returns a function": { job: "return () => 1;", exit: 1, state: "failed", code: "job_shape" },
  "a module that exports no job": { job: "export default 7;", exit: 1, state: "failed", code: "job_shape" },
  "a job that loops": {
    job: "for (;;);",
    extra: `limits: { wall: "1s", cpu: "1s" }`,
    exit: 4,
    state: "limit",
    code: "timeout|cpu",
    says: /jobs\.bad\.limits\.(wall|cpu)/,
  },
  "a job that waits for ever": {
    job: "await new Promise(() => {});",
    extra: `limits: { wall: "1s" }`,
    exit: 4,
    state: "limit",
    code: "timeout",
    says: /jobs\.bad\.limits\.wall/,
  },
  "a job that floods its log": {
    job: `for (let n = 0; n < 1_000_000; n += 1) console.log("x".repeat(1_000));`,
    extra: `limits: { logs: "16KiB" }`,
    exit: 4,
    state: "limit",
    code: "logs|calls|timeout",
  },
  "a job that takes all memory": {
    job: `const all = []; for (;;) all.push(new Array(100_000).fill(all.length));`,
    extra: `limits: { memory: "32MiB" }`,
    exit: 4,
    state: "limit",
    code: "memory",
    says: /jobs\.bad\.limits\.memory/,
  },
  "a result that is too large": {
    job: `return "x".repeat(100_000);`,
    extra: `limits: { result: "1KiB" }`,
    exit: 4,
    state: "limit",
    code: "output",
  },
};

/** After a run, whatever it was: nothing of it is left but its record, and the log holds. */
async function leavesNothing(t: Test, project: Project) {
  t.same(await readdir(join(project.state, "runs")).catch(() => []), []);
  const { store } = ledgerOf(project);
  t.same([store.unfinishedRuns(), store.openLeases(), store.owners()], [[], [], []]);
  await store.close();
}

for (const [what, { job, extra = "", exit, state, code, says }] of Object.entries(failing)) {
  t.test(`${what}: ${state}, exit ${exit}, and torn down`, async (t) => {
    const project = await makeProject(t, { config: configOf({ bad: extra }), jobs: { bad: job } });
    const ended: Ended = await mayfly(t, project, ["run", "bad", "--json"]);
    const record = recordOf(ended);
    t.equal(ended.code, exit, ended.stderr);
    t.equal(record.state, state);
    t.match(record.error?.code, new RegExp(`^(${code})$`));
    if (says !== undefined) t.match(ended.stderr, says);
    t.match(record.teardown, { process: "confirmed", directory: "confirmed", sockets: "confirmed" });
    await leavesNothing(t, project);
  });
}

t.test(
  "a job that calls what it has no grant for: the call fails, the denial is told, and names the line that would allow it",
  async (t) => {
    const project = await makeProject(t, {
      config: configOf({ curious: "" }),
      jobs: {
        curious: `const tries = [() => credential.fetch(), () => fetch("http://127.0.0.1:9/x"), () => files.read("/etc/passwd")];
        const codes = [];
        for (const attempt of tries) codes.push(await attempt().then(() => "allowed", (error) => error.code ?? error.name));
        return codes;`,
      },
    });
    const ended = await mayfly(t, project, ["run", "curious", "--json"]);
    const record = recordOf(ended);
    t.equal(ended.code, 0, "a refusal that a job catches is not its end");
    t.notOk((record.result as string[]).includes("allowed"));
    t.same(record.denials.map(({ capability }) => capability).slice(0, 2), ["credential.fetch", "http.request"]);
    t.match(record.denials[0]?.remedy, /jobs\.curious|credential/);
    t.match(record.denials[1]?.remedy, /GET http:..127\.0\.0\.1:9.x/);
    t.match(ended.stderr, /denied/);
  },
);
