// node:process, node:os and the free identifiers of Node: what they say, which is nothing of the machine, and what they refuse.
import { hostname } from "node:os";
import t from "tap";
import { openRuns } from "../../support/runs.ts";
import { askBoth } from "./side-by-side.ts";

const module = (imports: string, body: string) =>
  `import { defineJob } from "mayfly"; ${imports} export default defineJob(async (c) => { ${body} });`;

const same = await askBoth(t, {
  modules: { os: "node:os", constants: "node:constants", util: "node:util", bare: "process" },
  questions: {
    "what is constant": [
      "return [os.constants, os.EOL, os.devNull, os.platform(), os.type(), os.endianness()]",
      "return constants",
      "return [process.version, process.versions, process.arch, process.platform, process.release.name]",
      "return [bare === process, typeof process.nextTick, global === globalThis, typeof setImmediate, typeof clearImmediate]",
      "return [process.hrtime().length, typeof process.hrtime.bigint(), process.hrtime([0, 0]).length, typeof process.uptime(), Object.keys(process.memoryUsage()).sort(), typeof process.memoryUsage.rss()]",
      "return [typeof process.cwd(), process.stdout.write(''), process.on('exit', () => {}) === process, process.listenerCount('no-such'), process.emit('no-such')]",
    ],
  },
});

const runs = await openRuns({
  machine: {
    module: module(
      'import os from "node:os";',
      `return [process.env, process.cwd(), process.argv, process.pid, process.ppid, process.title, process.execPath, os.hostname(), os.homedir(), os.tmpdir(), os.cpus(), os.networkInterfaces(), os.totalmem(), os.release(),
        (() => { try { os.userInfo() } catch (e) { return e.code } })(), process.stdin.isTTY, process.stdout.isTTY, process.getuid, Object.prototype.toString.call(process)].map((each) => each === undefined ? null : each);`,
    ),
  },
  refused: {
    module: module(
      "",
      `return ["exit", "abort", "kill", "chdir", "binding", "dlopen"].map((name) => { try { process[name](1); return "done" } catch (e) { return [e.name, e.code, e.message] } });`,
    ),
  },
  exit: { module: module("", "process.exit(0); return 'went on';") },
  output: {
    module: module(
      "",
      `process.stdout.write("one\\ntwo\\n"); process.stderr.write(Buffer.from("bytes")); process.emitWarning("careful", "OwnWarning"); await new Promise((f) => process.stdout.write("three", f)); return process.stdout.end("") === process.stdout;`,
    ),
  },
  env: {
    module: module(
      "",
      'process.env.OWN = "1"; return [process.env.OWN, process.env.PATH ?? null, process.env.NODE_ENV, { ...process.env }.OWN];',
    ),
  },
  globals: {
    module: module(
      "",
      `return [typeof Buffer, typeof globalThis.Buffer, typeof process, typeof globalThis.process, typeof globalThis.global, typeof globalThis.setImmediate, typeof globalThis.__mayflyNode, __dirname, __filename];`,
    ),
  },
});

t.test("what a job learns of the machine it runs on", async (t) => {
  const { result } = await runs.run("machine");
  t.same(result, [
    { NODE_ENV: "production" },
    "/",
    ["/node", "/job.js"],
    1,
    0,
    "mayfly",
    "/node",
    "localhost",
    "/",
    "/tmp",
    [],
    {},
    0,
    "",
    "ERR_SYSTEM_ERROR",
    false,
    false,
    null,
    "[object Object]",
  ]);
  t.notMatch(JSON.stringify(result), hostname());
});

t.test("what would act on a process: refused by name, and said what a job does instead", async (t) => {
  const { result } = await runs.run("refused");
  for (const each of result as unknown[])
    t.match(each, ["MayflyUnsupportedError", "ERR_MAYFLY_UNSUPPORTED", /isn't available in a job: /]);
  const record = await runs.run("exit");
  t.match(record, {
    state: "failed",
    error: { message: /process\.exit isn't available in a job: .*return its result, or throw/ },
  });
});

t.test("what is written to the output: lines of the run's log", async (t) => {
  const record = await runs.run("output");
  t.equal(record.result, true, record.error?.message ?? "");
  t.same(await runs.logs(record), ["one", "two", "bytes", "OwnWarning: careful", "three", ""]);
});

t.test("an environment that is empty, and the job's own", async (t) => {
  t.same((await runs.run("env")).result, ["1", null, "production", "1"]);
});

t.test("Node's free identifiers: there under their names, and nowhere on the global object", async (t) => {
  t.same((await runs.run("globals")).result, [
    "function",
    "undefined",
    "object",
    "undefined",
    "undefined",
    "undefined",
    "undefined",
    "/",
    "/job.js",
  ]);
});

t.test("what all of them left behind", async (t) => {
  await runs.end(t);
  await same.end(t);
});
