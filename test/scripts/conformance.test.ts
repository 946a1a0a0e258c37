// The conformance script on tests of web-platform-tests' form that are written here, under a harness of a few lines: what it
// must find in a real run and in Node, without the corpus; and whether docs/web-platform.md is of the directories that it
// runs, with a reason for all that fails.
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import t from "tap";
import { directories } from "../../scripts/conformance/corpus.ts";
import { documentOf } from "../../scripts/conformance/document.ts";
import { mirrorOf } from "../../scripts/conformance/obtain.ts";
import { reasons } from "../../scripts/conformance/reasons.ts";
import { projectRoot } from "../../scripts/tap/run.ts";

const harness = `
const tests = [];
function test(body, name) {
  try { body(); tests.push({ name, status: 0, message: null }); }
  catch (error) { tests.push({ name, status: 1, message: String(error) }); }
}
function add_completion_callback(told) { setTimeout(() => told(tests, { status: 0, message: null }), 0); }
`;

const root = t.testdir({
  resources: { "testharness.js": harness },
  console: {
    "good.any.js": 'test(() => {}, "it is well"); test(() => new URL("a:b"), "so is this");\n',
    "bad.any.js": 'test(() => { throw new Error("so it is") }, "it fails anywhere");\n',
    "helped.any.js":
      '// META: script=resources/help.js\n// META: variant=?one\n// META: variant=?two\ntest(() => { if (help() !== 7) throw new Error("no help") }, "help comes with it" + location.search);\n',
    "window.any.js": '// META: global=serviceworker\ntest(() => { throw new Error("run") }, "nobody runs it");\n',
    "page.html": "<script>nobody runs it</script>",
    resources: { "help.js": "function help() { return 7; }\n" },
  },
  "hr-time": {
    "ours.any.js":
      'test(() => { if (typeof process === "object") throw new Error("it is Node") }, "a run, not Node");\n',
  },
  webidl: {
    "theirs.any.js":
      'test(() => { if (typeof process !== "object") throw new Error("no Node") }, "Node, not a run");\n',
    "endless.any.js": "console.log('begun');\nfor (;;);\n",
    "broken.any.js": "throw new Error('before any test');\n",
  },
});

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function conformance(args: readonly string[], wpt = root): Promise<Ended> {
  const script = join(projectRoot, "scripts/conformance.ts");
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], { env: { ...process.env, WPT_ROOT: wpt } }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
  });
}

t.test("a test that fails is counted as passed, in a run or in Node", async (t) => {
  const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith("mayfly-conformance-"));
  const before = left();
  const { code, stdout, stderr } = await conformance(["--failures", "--only", "console,hr-time"]);
  t.equal(code, 0, stderr);
  const lines = stdout.split("\n").map((line) => line.replace(/\s+/g, " "));
  t.ok(lines.includes("console 4 5 4 (80.0 %) 4 (80.0 %)"), stdout);
  t.ok(lines.includes("hr-time 1 1 1 (100.0 %) 0 (0.0 %)"));
  t.ok(lines.includes("all 5 6 5 (83.3 %) 4 (66.7 %)"));
  t.match(stdout, /^both {2}console\/bad\.any\.js {2}it fails anywhere\n.*so it is/m);
  t.notMatch(stdout, /it is well|nobody runs it/, "what passed or isn't for such a global is no failure");
  t.same(left(), before, "nothing is left of it");
});

t.test("what only Node passes makes no difference", async (t) => {
  const { code, stdout } = await conformance(["--failures", "--only", "webidl", "--file", "theirs"]);
  t.equal(code, 1, "the exit code says it");
  t.match(stdout, /webidl +1 +1 +0 \(0\.0 %\) +1 \(100\.0 %\) +1 fewer/);
  t.match(stdout, /^only here {2}webidl\/theirs\.any\.js {2}Node, not a run\n.*no Node/m);
});

t.test("a file that breaks on both sides before its first test counts for nothing", async (t) => {
  const { code, stdout } = await conformance(["--failures", "--only", "webidl", "--file", "broken"]);
  t.equal(code, 0, "no fewer than Node");
  t.match(stdout, /^both {2}webidl\/broken\.any\.js {2}the whole file\n.*before any test/m);
  t.match(stdout, /webidl +1 +1 +0 \(0\.0 %\) +0 \(0\.0 %\)$/m);
});

t.test("a folder without tests, or a directory that nobody knows, ends as if all was well", async (t) => {
  const empty = await conformance([], t.testdir({}));
  t.equal(empty.code, 2);
  t.match(empty.stderr, /testharness\.js is needed/);
  const unknown = await conformance(["--only", "url,svg"]);
  t.equal(unknown.code, 2);
  t.match(unknown.stderr, /no directory "svg"/);
  const part = await conformance(["--write", "--only", "console"]);
  t.equal(part.code, 2, "the document is of all or of none");
});

t.test("a mirror of security updates, or of another distribution, is taken for Debian's", async (t) => {
  const others = "Debian-Security https://mirror.example/debian-security/\nUbuntu https://mirror.example/ubuntu/\n";
  t.equal(mirrorOf(`${others}Debian https://mirror.example/debian/\n`), "https://mirror.example/debian/");
  t.equal(
    mirrorOf(" https://mirror.example/debian-security/\n https://mirror.example/debian/\n"),
    "https://mirror.example/debian/",
  );
  t.equal(mirrorOf(others), undefined);
  t.equal(mirrorOf(""), undefined);
});

function isInNode(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("in-node.ts");
  } catch {
    return false; // it has ended
  }
}

t.test("an interrupted pass leaves a process or its directory behind", async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), "conf-"));
  t.teardown(() => rmSync(scratch, { recursive: true, force: true }));
  const script = join(projectRoot, "scripts/conformance.ts");
  const env = { ...process.env, WPT_ROOT: root, TMPDIR: scratch };
  const child = spawn(process.execPath, [script, "--only", "webidl", "--file", "endless"], { env, stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
  const files = () => readdirSync(scratch, { recursive: true }).map(String);
  const children = () =>
    readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ").filter(Boolean);
  const isRunning = () => files().some((path) => /\/state\/logs\/./.test(path)) && children().some(isInNode);
  while (child.exitCode === null && !isRunning()) await wait(10);
  const started = children();
  child.kill("SIGINT");
  t.equal(await ended, 130);
  t.same(files(), []);
  while (started.some((pid) => existsSync(`/proc/${pid}`))) await wait(10); // or the test's time is over
});

t.test("the document is of other directories, or has a failing test without a reason", async (t) => {
  const text = readFileSync(join(projectRoot, "docs/web-platform.md"), "utf8");
  for (const name of Object.keys(directories))
    t.ok(text.includes(`\`${name}\``), `${name}: npm run conformance -- --write`);
  t.notOk(text.includes("not looked at"), "each failing test has its reason in scripts/conformance/reasons.ts");
  for (const { what, why } of reasons) t.ok(text.includes(`| ${what} | ${why} |`), `${what} still fails, and is in it`);
});

t.test("a failing test without a reason goes missing in the document", async (t) => {
  const row = { directory: "url", files: 1, tests: 2, ours: 1, node: 2 };
  const failure = { file: "url/a.any.js", test: "b | c", message: "", node: true };
  const known = { file: "wasm/jsapi/tag/type.tentative.any.js", test: "[]", message: "", node: false };
  const text = documentOf([row], [failure, known]);
  t.match(text, /\| 1 \| `url\/a\.any\.js`: b \\\| c \| not looked at \| yes \|/);
  t.match(text, /\| 1 \| WebAssembly's type reflection.* \| no \|/);
  t.match(text, /\| `url` \| 1 \| 2 \| 1 \(50\.0 %\) \| 2 \(100\.0 %\) \|/);
  t.match(text, /nothing of\n`FileAPI`, .*`webidl`\./s, "and says which directories were not there");
});
