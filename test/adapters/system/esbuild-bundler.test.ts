// The bundler on the real esbuild, in directories of its own. An import is a read of the host's disk on behalf of a job:
// most of these stories are about files that must not come along.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runInNewContext } from "node:vm";
import * as esbuild from "esbuild";
import t from "tap";
import { bundleBytesMax, makeBundler } from "../../../runtime/adapters/system/esbuild-bundler.ts";
import { defineJob } from "../../../runtime/job.ts";
import { MayflyError } from "../../../runtime/model/error.ts";
import type { Bundle } from "../../../runtime/ports/bundler.ts";

const outside = realpathSync(mkdtempSync(join(tmpdir(), "mayfly-bundler-")));
const secret = "correct-horse-battery-staple";
write(outside, { "secret.json": JSON.stringify({ secret }), "secret.txt": secret });

const bundlers: { close(): Promise<void> }[] = [];
t.teardown(async () => {
  for (const bundler of bundlers) await bundler.close();
});
t.teardown(() => import("node:fs").then(({ rmSync }) => rmSync(outside, { recursive: true })));

function write(root: string, files: Record<string, string>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

function project(files: Record<string, string>): string {
  const root = mkdtempSync(join(outside, "project-"));
  write(root, files);
  return root;
}

function bundlerFor(directory: string, stateDirectory?: string) {
  const bundler = makeBundler(stateDirectory === undefined ? { directory } : { directory, stateDirectory });
  bundlers.push(bundler);
  return bundler;
}

async function bundle(files: Record<string, string>, stateDirectory?: string): Promise<Bundle> {
  const root = project(files);
  return bundlerFor(root, stateDirectory && join(root, stateDirectory)).bundle(join(root, "job.ts"));
}

function evaluate(bundle: Bundle): { kind: string; run: (context: unknown) => unknown } {
  const registered: unknown[] = [];
  const globals = { __mayflyRegister: (job: unknown) => registered.push(job) };
  runInNewContext(Buffer.from(bundle.code).toString(), globals, { filename: "job.js" });
  t.equal(registered.length, 1, "the script registers once");
  return registered[0] as { kind: string; run: (context: unknown) => unknown };
}

async function refusal(files: Record<string, string>, stateDirectory?: string): Promise<MayflyError> {
  try {
    await bundle(files, stateDirectory);
  } catch (error) {
    if (error instanceof MayflyError) return error;
    throw error;
  }
  return t.fail("it was bundled") as never;
}

const hello = 'import { defineJob } from "mayfly";\nexport default defineJob(async () => "hello");\n';

t.test("a job that would never reach the guest: its script registers the default export", async (t) => {
  const job = evaluate(await bundle({ "job.ts": hello }));
  t.equal(job.kind, "mayfly.job");
  t.ok(Object.isFrozen(job));
  t.equal(await job.run({}), "hello");
  const ours = defineJob(async () => "hello");
  t.same(Object.keys(job).sort(), Object.keys(ours).sort(), "the same as what defineJob makes outside of a bundle");
  t.equal(job.kind, ours.kind);
});

t.test("a digest that depends on where the files lie", async (t) => {
  const files = { "job.ts": `${hello}import { x } from "./lib/x.ts";\nx();\n`, "lib/x.ts": "export function x() {}\n" };
  const [here, there] = [await bundle(files), await bundle(files)];
  const linked = join(outside, "linked");
  symlinkSync(project(files), linked);
  const viaLink = await bundlerFor(linked).bundle(join(linked, "job.ts"));
  t.equal(here.digest, there.digest);
  t.equal(here.digest, viaLink.digest);
  t.equal(here.sourceMap, there.sourceMap);
  t.same(here.inputs, ["job.ts", "lib/x.ts"]);
  t.match(here.digest, /^sha256:[0-9a-f]{64}$/);
  t.not((await bundle({ ...files, "lib/x.ts": "export function y() {}\nexport { y as x };\n" })).digest, here.digest);
  t.notMatch(Buffer.from(here.code).toString() + here.sourceMap, outside, "nor does a host path go in");
});

t.test("names and positions that are lost on the way", async (t) => {
  const { code, sourceMap } = await bundle({ "job.ts": "export default function outer() {}\n" });
  t.match(Buffer.from(code).toString(), /__name\(outer, "outer"\)/);
  t.notMatch(Buffer.from(code).toString(), /sourceMappingURL/);
  const map = JSON.parse(sourceMap);
  t.match(map.sources, ["job.ts"]);
  t.match(map.sourcesContent[0], "function outer");
});

t.test("a package that comes along", async (t) => {
  const files = {
    "job.ts": 'import { one } from "one";\nexport default { kind: "x", run: () => one };\n',
    "node_modules/one/package.json": '{"name":"one","exports":{".":{"worker":"./worker.js","default":"./node.js"}}}',
    "node_modules/one/worker.js":
      "let net;\ntry { net = require('net') } catch {}\nexport const one = net === undefined ? 2 : 1;\n",
    "node_modules/one/node.js": "export const one = 3;\n",
  };
  t.equal(
    evaluate(await bundle(files)).run({}),
    1,
    "the build for workers; what it requires of Node and doesn't use is its own affair",
  );
});

const escapes: Record<string, Record<string, string>> = {
  "a relative path upwards": { "job.ts": 'import s from "../secret.json";\nexport default s;\n' },
  "a path upwards as text": { "job.ts": 'import s from "../secret.txt" with { type: "text" };\nexport default s;\n' },
  "a path upwards as bytes": { "job.ts": 'import s from "../secret.txt" with { type: "bytes" };\nexport default s;\n' },
  "an absolute path": {
    "job.ts": `import s from ${JSON.stringify(join(outside, "secret.json"))};\nexport default s;\n`,
  },
  "a file URL": { "job.ts": `import s from "file://${outside}/secret.json";\nexport default s;\n` },
  "a package.json whose main leads out": {
    "job.ts": 'import s from "p";\nexport default s;\n',
    "node_modules/p/package.json": '{"name":"p","main":"../../../secret.json"}',
  },
  "a hidden file": { "job.ts": 'import s from "./.env" with { type: "text" };\nexport default s;\n', ".env": secret },
  "a file in a hidden directory": {
    "job.ts": 'import s from "./.mayfly/keys.json";\nexport default s;\n',
    ".mayfly/keys.json": JSON.stringify(secret),
  },
  "a glob that finds hidden files": {
    "job.ts": "export default (x: string) => import('./.keys/' + x + '.json');\n",
    ".keys/a.json": JSON.stringify(secret),
  },
};

for (const [name, files] of Object.entries(escapes)) {
  t.test(`a job that imports what isn't its own: ${name}`, async (t) => {
    const error = await refusal(files);
    t.equal(error.code, "bundle_failed");
    t.match(error.message, "job.ts");
    t.notMatch(error.describe(), secret);
  });
}

t.test("the leaking twin: without the door, esbuild does bring them along", async (t) => {
  const root = project(escapes["a path upwards as text"] ?? {});
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(root, "job.ts")],
    bundle: true,
    write: false,
    logLevel: "silent",
  });
  t.match(outputFiles[0]?.text, secret);
});

t.test("a state directory by another name", async (t) => {
  const files = { "job.ts": 'import s from "./state/keys.json";\nexport default s;\n', "state/keys.json": '"k"' };
  const error = await refusal(files, "state");
  t.match(error.message, "state directory");
  t.ok(await bundle(files), "which is a plain directory otherwise");
});

t.test("a link that leads out", async (t) => {
  const root = project({ "job.ts": 'import s from "./link.json";\nexport default s;\n' });
  symlinkSync(join(outside, "secret.json"), join(root, "link.json"));
  await t.rejects(bundlerFor(root).bundle(join(root, "job.ts")), { code: "bundle_failed", message: /leads out/ });
});

t.test("an import that is no file", async (t) => {
  for (const specifier of [
    "https://x.example/a.js",
    "http://x.example/a.js",
    "//x.example/a.js",
    "data:text/javascript,export default 1",
  ]) {
    const error = await refusal({ "job.ts": `import x from ${JSON.stringify(specifier)};\nexport default x;\n` });
    t.equal(error.code, "bundle_failed", specifier);
    t.match(error.message, /job\.ts:1:15: .*no file that can be bundled/, specifier);
  }
});

t.test("a source map comment that points at the host's files", async (t) => {
  const map = JSON.stringify({ version: 3, sources: ["x.ts"], sourcesContent: [secret], names: [], mappings: "AAAA" });
  const files = {
    "evil.map": map,
    "job.ts": 'import "./a.js";\nimport "p";\nexport default 1;\n',
    "a.js": "globalThis.a = 1; //# sourceMappingURL=evil.map",
    "node_modules/p/index.js": "globalThis.p = 1;\n//# sourceMappingURL=../../evil.map\n",
  };
  const { sourceMap, inputs } = await bundle(files);
  t.notMatch(sourceMap, secret);
  const sources = JSON.parse(sourceMap).sources as string[];
  t.same(sources.filter((source) => !source.includes("mayfly:")).sort(), inputs, "its sources are what was bundled");

  const root = project(files);
  const twin = await esbuild.build({
    entryPoints: [join(root, "a.js")],
    bundle: true,
    write: false,
    sourcemap: "inline",
  });
  const inline = twin.outputFiles[0]?.text.split("base64,")[1] ?? "";
  t.match(Buffer.from(inline, "base64").toString(), secret, "the leaking twin follows it");
});

t.test("settings that lie beside a job", async (t) => {
  const error = await refusal({
    "job.ts": 'import x from "alias";\nexport default x;\n',
    "tsconfig.json": '{"compilerOptions":{"baseUrl":".","paths":{"alias":["./x.ts"]}}}',
    "x.ts": "export default 1;\n",
  });
  t.match(error.message, 'no package "alias" is installed', "tsconfig.json is not read");
});

const mistakes: [name: string, source: string, message: RegExp, next: RegExp][] = [
  [
    "Node's sockets",
    'import net from "node:net";\nexport default net;',
    /job\.ts:1:17: "node:net" is a module of Node that no job can have/,
    /context's fetch/,
  ],
  ["Node's HTTP/2", 'import "http2";\nexport default 1;', /module of Node/, /fetch/],
  ["an odd part of Node", 'import "node:vm";\nexport default 1;', /module of Node/, /no way to V8/],
  ["a part of Node like a method of objects", 'import "constructor";\nexport default 1;', /no package/, /install/],
  [
    "the runtime's own words",
    'import { defineConfig } from "mayfly";\nexport default defineConfig;',
    /"defineConfig" of "mayfly"/,
    /defineJob/,
  ],
  ["the test kit", 'import "mayfly/testkit";\nexport default 1;', /"mayfly\/testkit" is not for jobs/, /defineJob/],
  ["no default export", "export const job = 1;", /job\.ts has no default export/, /export default defineJob/],
  ["await at the top", "await 1;\nexport default 1;", /job\.ts:1:1: await outside/, /inside/],
  ["import of a computed name", "export default (x: string) => import(x);", /job\.ts:1:31: import\(\)/, /own name/],
  ["require of a computed name", "export default (x: string) => require(x);", /job\.ts:1:31: require/, /own name/],
  ["a slip in a path", 'import "./lob.ts";\nexport default 1;', /nothing to import at "\.\/lob\.ts"/, /path/],
  ["a stylesheet", 'import "./a.css";\nexport default 1;', /a file of type "\.css"/, /type: "text"/],
  [
    "an unknown attribute",
    'import a from "./a.css" with { type: "css" };\nexport default a;',
    /attribute type "css"/,
    /bytes/,
  ],
];

for (const [name, source, message, next] of mistakes) {
  t.test(`an error that doesn't say what to do instead: ${name}`, async (t) => {
    const error = await refusal({ "job.ts": `${source}\n`, "a.css": "a{}" });
    t.equal(error.code, "bundle_failed");
    t.match(error.message, message);
    t.match(error.next, next);
  });
}

t.test("a package that wants of another one what that has for Node alone", async (t) => {
  const error = await refusal({
    "job.ts": 'import "p";\nexport default 1;\n',
    "node_modules/p/index.js": 'import { x } from "q"; globalThis.x = x;\n',
    "node_modules/q/package.json": '{"name":"q","exports":{"node":"./node.js","default":"./default.js"}}',
    "node_modules/q/node.js": "export const x = 1;\n",
    "node_modules/q/default.js": "export const y = 1;\n",
  });
  t.match(
    error.message,
    /node_modules\/p\/index\.js:1:10: No matching export in "node_modules\/q\/default\.js" for import "x"/,
  );
  t.match(error.next, /for Node alone/);
});

t.test("a syntax error without a place, or with the terminal's control codes in it", async (t) => {
  const error = await refusal({ "job.ts": 'export default 1;\nconst a = "\u001b[2J" +;\n' });
  t.match(error.message, /job\.ts can't be bundled: job\.ts:2:\d+: /);
  t.match(error.found, "\\u{1b}");
  t.notMatch(error.describe(), /\u001b/);
});

t.test("a module that isn't there", async (t) => {
  const root = project({});
  await t.rejects(bundlerFor(root).bundle(join(root, "job.ts")), { code: "job_missing", found: "nothing at job.ts" });
});

t.test("a bundle that no executor could take", async (t) => {
  const half = `export default "${"x".repeat(bundleBytesMax / 2)}";\n`;
  const error = await refusal({
    "job.ts": 'import a from "./a.ts";\nimport b from "./b.ts";\nexport default [a, b];\n',
    "a.ts": half,
    "b.ts": half,
  });
  t.match(error.message, "too large");
  t.match(error.needed, "8MiB");
  t.ok(await bundle({ "job.ts": 'export { default } from "./a.ts";\n', "a.ts": half }), "half of it is fine");
});

t.test("a source file that is data", async (t) => {
  const root = project({ "job.ts": 'import a from "./a.txt";\nexport default a;\n', "a.txt": "" });
  truncateSync(join(root, "a.txt"), 8_388_609);
  await t.rejects(bundlerFor(root).bundle(join(root, "job.ts")), { code: "bundle_failed", message: /8388609 bytes/ });
});

t.test("an esbuild that stays behind, and one that is stopped under a bundler which still works", async (t) => {
  const root = project({ "job.ts": hello });
  const [first, second] = [bundlerFor(root), bundlerFor(root)];
  await first.bundle(join(root, "job.ts"));
  const before = esbuildProcesses();
  t.not(before.length, 0, "the twin: a bundler that isn't closed leaves a process");
  const [, outcome] = await Promise.all([first.close(), second.bundle(join(root, "job.ts"))]);
  t.match(outcome.digest, /^sha256:/);
  await second.close();
  while (esbuildProcesses().length > 0) await new Promise(setImmediate); // tap's own time limit ends this
  await t.rejects(first.bundle(join(root, "job.ts")), { code: "internal" });
});

/** Children of this process that run esbuild and aren't zombies. */
function esbuildProcesses(): string[] {
  const tasks = readdirSync("/proc/self/task");
  const children = tasks.flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, "utf8").split(" "));
  return children.filter((pid) => {
    try {
      return pid !== "" && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("esbuild");
    } catch {
      return false;
    }
  });
}

t.test("this repository's own example", async (t) => {
  const repository = join(import.meta.dirname, "../../..");
  const job = evaluate(await bundlerFor(repository).bundle(join(repository, "jobs/dependency-report.ts")));
  const entry = { version: "1.0.0", license: "MIT" };
  const lockfile = {
    lockfileVersion: 3,
    packages: {
      "": { name: "root" },
      "packages/ours": { version: "0.0.0" },
      "node_modules/ours": { resolved: "packages/ours", link: true },
      "node_modules/a": entry,
      "node_modules/b": { version: "1.0.0", license: { type: "ISC" }, dev: true, hasInstallScript: true },
      "node_modules/b/node_modules/a": { ...entry, version: "2.0.0", optional: true },
      "node_modules/@s/c": { version: "3.0.0" },
    },
  };
  const written: Record<string, string> = {};
  const files = {
    readText: async () => JSON.stringify(lockfile),
    write: async (path: string, text: string) => {
      written[path] = text;
    },
  };
  const summary = await job.run({ files, log: { info() {} } });
  t.match(summary, { packages: 4, licences: 3, duplicates: 1, installScripts: 1, unknownLicences: 1 });
  t.match(JSON.parse(written["/output/report.json"] ?? ""), {
    tree: { packages: 4, names: 3, depth: 2, production: 2, development: 1, optional: 1 },
    duplicates: [{ name: "a", versions: ["1.0.0", "2.0.0"] }],
    unknownLicences: ["@s/c@3.0.0"],
    installScripts: ["b@1.0.0"],
  });
  t.match(written["/output/report.md"], "| MIT | 2 |");
  const old = { ...files, readText: async () => '{"lockfileVersion":1,"dependencies":{}}' };
  await t.rejects(Promise.resolve(job.run({ files: old, log: { info() {} } })), {
    message: /lockfileVersion 1 found, 2 or 3 needed/,
  });
});
