// Errors of a job, in the author's own files, lines and words: thrown at once, after an await, in a timer, in a package's
// callback, with a chain of causes; and what nobody caught.
import t from "tap";
import { openRuns } from "../support/runs.ts";

const job = (body: string, before = "") => `import { defineJob } from "mayfly";
interface Shape { a: number } // types take lines that the bundle hasn't
${before}
export default defineJob(async (context) => {
${body}
});
`;

const modules: Record<string, { module: string; line: number; sourceLine: string; message: RegExp }> = {
  "at once": {
    module: job('  throw new Error("at once");'),
    line: 5,
    sourceLine: '  throw new Error("at once");',
    message: /^at once$/,
  },
  "after an await": {
    module: job('  await context.files.stat("/");\n  const shape = null as unknown as Shape;\n  return shape.a;'),
    line: 7,
    sourceLine: "  return shape.a;",
    message: /^TypeError: Cannot read properties of null/,
  },
  "in a timer": {
    module: job('  await new Promise(() => setTimeout(() => {\n    throw new RangeError("in a timer");\n  }, 1));'),
    line: 6,
    sourceLine: '    throw new RangeError("in a timer");',
    message: /RangeError: in a timer/,
  },
  "in a function beside": {
    module: job(
      "  return helper(1);",
      'const helper = (n: number): number => { if (n > 0) throw new SyntaxError("beside"); return n; };',
    ),
    line: 3,
    sourceLine: 'const helper = (n: number): number => { if (n > 0) throw new SyntaxError("beside"); return n; };',
    message: /^SyntaxError: beside$/,
  },
  "of a capability": {
    module: job('  const path = "/none";\n  return context.files.read(path);'),
    line: 6,
    sourceLine: "  return context.files.read(path);",
    message: /^MayflyError: /,
  },
};

const runs = await openRuns({
  ...Object.fromEntries(
    Object.entries(modules).map(([name, { module }]) => [
      name.replaceAll(" ", "-"),
      { module, limits: { wallMs: 20_000 } },
    ]),
  ),
  causes: {
    module: job(
      '  try {\n    JSON.parse("{]");\n  } catch (cause) {\n    throw new Error("the report can\'t be read", { cause });\n  }',
    ),
  },
  "while-loading": {
    module:
      'import { defineJob } from "mayfly";\nconst x: string = undefined as never;\nx.trim();\nexport default defineJob(async () => 1);\n',
  },
  "no-job": { module: "export default async () => 1;\n" },
  "not-exported": { module: "export const job = 1;\n" },
  text: { body: 'throw "just text";' },
  object: { body: 'throw { code: 7, why: "because" };' },
  event: { body: 'throw new ErrorEvent("error", { message: "what an event tells" });' },
  nothing: { body: "throw undefined;" },
  lines: { body: 'throw new Error("first\\nsecond\\u001b[2J");' },
  long: { body: 'throw new Error("x".repeat(1e6));' },
  name: { body: 'const e = new Error("m"); e.name = "n".repeat(1_000); throw e;' },
  "no stack": { body: 'const e = new Error("m"); e.stack = undefined; throw e;' },
  "lying stack": {
    body: 'const e = new Error("m"); e.stack = "Error: m\\n    at x (/etc/passwd:1:1)\\n    at y (job.js:1:1)\\n    at z (node:fs:1:1)"; throw e;',
  },
  getters: {
    body: "const e = new Error('m'); Object.defineProperty(e, 'message', { get() { throw 1; } }); Object.defineProperty(e, 'cause', { get() { throw 2; } }); throw e;",
  },
  "endless causes": { body: "const e = new Error('m'); e.cause = e; throw e;" },
  revoked: { body: "const { proxy, revoke } = Proxy.revocable(new Error('m'), {}); revoke(); throw proxy;" },
  "unhandled rejection": {
    body: 'Promise.reject(new Error("nobody caught")); await c.files.stat("/"); await new Promise((f) => setTimeout(f, 20)); return "went on";',
  },
  "handled rejection": {
    body: 'const p = Promise.reject(new Error("caught later")); p.catch(() => {}); await c.files.stat("/"); await p.catch(() => {}); return "went on";',
  },
});

for (const [name, { line, sourceLine, message }] of Object.entries(modules)) {
  t.test(`an error ${name}, which its author has to find`, async (t) => {
    const id = name.replaceAll(" ", "-");
    const { state, error } = await runs.run(id);
    t.equal(state, "failed");
    t.match(error, { code: "job_threw", message, source: { file: `jobs/${id}.ts`, line, sourceLine } });
    t.match(error?.stack, new RegExp(`jobs/${id}\\.ts:${line}:`));
    t.notMatch(error?.stack, /mayfly:guest|job\.js|\/tmp\/|node:/);
  });
}

t.test("a chain of causes: each with its place", async (t) => {
  const { error } = await runs.run("causes");
  t.match(error, { message: "the report can't be read", source: { line: 8 } });
  t.match(error?.stack, /jobs\/causes\.ts:8:[\s\S]*Caused by: SyntaxError: [\s\S]*jobs\/causes\.ts:6:/);
});

t.test("an error while the module loads, and modules that hold no job", async (t) => {
  t.match((await runs.run("while-loading")).error, {
    code: "job_threw",
    message: /Cannot read properties of undefined/,
    source: { file: "jobs/while-loading.ts", line: 3 },
  });
  t.match(await runs.run("no-job"), { state: "failed", error: { code: "job_shape", message: /defineJob/ } });
  await t.rejects(runs.run("not-exported"), { code: "bundle_failed" }, "which is known before there is a run");
});

t.test("what isn't an Error, thrown all the same", async (t) => {
  t.match((await runs.run("text")).error, { code: "job_threw", message: "thrown: just text" });
  t.match((await runs.run("object")).error, { code: "job_threw", message: 'thrown: {"code":7,"why":"because"}' });
  t.match((await runs.run("event")).error, { code: "job_threw", message: "thrown: what an event tells" });
  t.match((await runs.run("nothing")).error, { code: "job_threw", message: "thrown: undefined" });
});

t.test(
  "errors that are made to hurt their reader: long, with control codes, with no stack, lying, unreadable",
  async (t) => {
    t.equal((await runs.run("lines")).error?.message, "first\\u{a}second\\u{1b}[2J");
    const long = await runs.run("long");
    t.match(long, { state: "failed", error: { code: "job_threw", message: /^x{1000}/ } });
    t.ok((long.error?.message.length ?? 0) <= 2_001);
    t.ok(((await runs.run("name")).error?.message.length ?? 0) <= 2_001);
    t.match((await runs.run("no stack")).error, { code: "job_threw", message: "m" });
    t.notMatch((await runs.run("lying stack")).error?.stack, /passwd|node:fs/);
    t.match((await runs.run("getters")).error, { code: "job_threw", message: "(unreadable)" });
    t.match((await runs.run("endless causes")).error, { code: "job_threw", message: "m" });
    const revoked = await runs.run("revoked");
    t.equal(revoked.state, "failed", "a Proxy that can't even be asked what it is");
  },
);

t.test("a rejection that nobody handles ends the run with its error, as it would end Node", async (t) => {
  t.match(await runs.run("unhandled rejection"), {
    state: "failed",
    error: { code: "job_threw", message: "nobody caught" },
  });
  t.match(
    await runs.run("handled rejection"),
    { state: "succeeded", result: "went on" },
    "unless it is handled at once",
  );
});

t.test("what all of them left behind", (t) => runs.end(t));
