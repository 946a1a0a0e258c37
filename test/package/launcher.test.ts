// The launcher under an old Node: the real one of this machine, which starts the real pinned one. What it starts is a
// program of the test's, in the place of `mayfly`, that tells what has come through.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";
import t, { type Test } from "tap";
import { isBelow, versionFindings } from "../../runtime/adapters/system/versions.ts";
import { eventually } from "../support/cli.ts";
import { cleanEnv, plainly, systemNode } from "../support/system-node.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const launcher = join(root, "bin/mayfly.cjs");
const pinned = `node-linux-${process.arch}`;
const floor = versionFindings()[0]?.floor ?? "";
const old = systemNode((version) => isBelow(version, floor));
const why = old === undefined ? "no Node below the floor is installed here" : false;

const program = `
const [what, ...words] = process.argv.slice(2);
const say = (value) => process.stdout.write(JSON.stringify(value) + "\\n");
if (what === "say") say({ node: process.versions.node, pid: process.pid, words });
if (what === "copy") process.stdin.on("data", (chunk) => { process.stdout.write(chunk); process.stderr.write(chunk); });
if (what === "exit") process.exit(Number(words[0]));
if (what === "die") process.kill(process.pid, words[0]);
if (what === "signals") {
  for (const name of ["SIGHUP", "SIGINT", "SIGTERM", "SIGUSR2"]) process.on(name, () => say(name));
  process.stdin.on("end", () => process.exit(7)).resume();
  say(process.pid);
}
`;

/** An installed package, with another program in it. @param node the version and the binary of the Node beside it. */
function installed(t: Test, node?: { version: string; binary?: string }): string {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-launcher-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  for (const folder of ["bin", "dist/cli"]) mkdirSync(join(directory, folder), { recursive: true });
  cpSync(launcher, join(directory, "bin/mayfly.cjs"));
  cpSync(join(root, "package.json"), join(directory, "package.json"));
  writeFileSync(join(directory, "dist/cli/main.js"), program);
  const place = join(directory, "node_modules", pinned);
  if (node === undefined) return directory;
  mkdirSync(join(place, "bin"), { recursive: true });
  writeFileSync(join(place, "package.json"), JSON.stringify({ name: pinned, version: node.version }));
  if (node.binary !== undefined) symlinkSync(node.binary, join(place, "bin/node"));
  return directory;
}

const withPinned = (t: Test) => installed(t, { version: "26.10.0", binary: process.execPath });

function run(directory: string, words: readonly string[], options: { node?: string; input?: string } = {}) {
  const { node = old ?? "", input = "" } = options;
  const ended = spawnSync(...plainly(node, [join(directory, "bin/mayfly.cjs"), ...words]), {
    env: cleanEnv(),
    input,
    encoding: "utf8",
  });
  return { code: ended.status, signal: ended.signal, stdout: ended.stdout, stderr: ended.stderr };
}

t.test("an old Node: the program runs in the pinned one, with its words as they were", { skip: why }, async (t) => {
  const words = ["two words", "", "--json", "ü\n\"quoted\" 'so' $HOME"];
  const { code, stdout, stderr } = run(withPinned(t), ["say", ...words]);
  t.match({ code, stderr }, { code: 0, stderr: "" });
  t.match(JSON.parse(stdout), { node: process.versions.node, words });
});

t.test("an old Node: the three streams", { skip: why }, async (t) => {
  const input = "x".repeat(300_000);
  t.same(run(withPinned(t), ["copy"], { input }), { code: 0, signal: null, stdout: input, stderr: input });
});

t.test("an old Node: exit codes, and an end by a signal", { skip: why }, async (t) => {
  const directory = withPinned(t);
  for (const code of [0, 1, 5, 130]) t.equal(run(directory, ["exit", String(code)]).code, code);
  for (const signal of ["SIGKILL", "SIGTERM"]) t.match(run(directory, ["die", signal]), { code: null, signal });
});

interface Listening {
  launcher: ChildProcess;
  /** Of the program. */
  pid: number;
  /** Lines that the program has said since. */
  heard: string[];
}

async function listening(t: Test): Promise<Listening> {
  const child = spawn(...plainly(old ?? "", [join(withPinned(t), "bin/mayfly.cjs"), "signals"]), {
    env: cleanEnv(),
    stdio: ["pipe", "pipe", "inherit"],
    detached: true, // a group of its own, as a shell gives it
  });
  t.teardown(() => child.kill("SIGKILL"));
  const heard: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => heard.push(...text.trim().split("\n")));
  const pid = await eventually(() => heard.shift());
  return { launcher: child, pid: Number(pid), heard };
}

const ended = (child: ChildProcess) => new Promise((resolve) => child.once("close", resolve));

t.test("an old Node: Ctrl-C, which a terminal sends to all of a job, comes once", { skip: why }, async (t) => {
  const { launcher, heard } = await listening(t);
  process.kill(-(launcher.pid ?? 0), "SIGINT");
  await eventually(() => heard[0]);
  launcher.kill("SIGTERM"); // the launcher takes them in order: a second SIGINT would come before this
  await eventually(() => heard.find((name) => name === '"SIGTERM"'));
  t.same(heard, ['"SIGINT"', '"SIGTERM"']);
  launcher.stdin?.end();
  t.equal(await ended(launcher), 7);
});

t.test("an old Node: what a supervisor sends to the launcher alone", { skip: why }, async (t) => {
  const { launcher, heard } = await listening(t);
  for (const signal of ["SIGHUP", "SIGUSR2", "SIGTERM"] as const) {
    launcher.kill(signal);
    await eventually(() => heard.find((name) => name === JSON.stringify(signal)));
  }
  t.equal(heard.length, 3);
  launcher.stdin?.end();
  t.equal(await ended(launcher), 7);
});

const stateOf = (pid: number) => /\) (\w) /.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];

t.test("an old Node: Ctrl-Z stops both, and both go on", { skip: why }, async (t) => {
  const { launcher, pid, heard } = await listening(t);
  const both = [launcher.pid ?? 0, pid];
  launcher.kill("SIGTSTP");
  await eventually(() => both.every((each) => stateOf(each) === "T") || undefined);
  launcher.kill("SIGCONT");
  await eventually(() => both.every((each) => stateOf(each) !== "T") || undefined);
  launcher.kill("SIGINT");
  t.equal(await eventually(() => heard[0]), '"SIGINT"');
  launcher.stdin?.end();
  t.equal(await ended(launcher), 7);
});

t.test("an old Node and no other: one line that says how to get one, and exit 2", { skip: why }, async (t) => {
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const line = new RegExp(
    `^mayfly needs Node\\.js ${floor} .*npm install ${pinned}@${optionalDependencies[pinned]}.*\n$`,
  );
  const none = run(installed(t), ["say"]);
  t.match(none, { code: 2, stdout: "", stderr: line });
  t.match(
    run(installed(t, { version: "18.20.8", binary: old ?? "" }), ["say"]),
    { code: 2, stderr: line },
    "too old too",
  );
  t.match(run(installed(t, { version: "26.10.0" }), ["say"]), { code: 2, stderr: line }, "without its binary");
});

t.test("an old Node, and a pinned one that this machine can't start", { skip: why }, async (t) => {
  const directory = installed(t, { version: "26.10.0" });
  const binary = join(directory, "node_modules", pinned, "bin/node");
  writeFileSync(binary, "no program");
  chmodSync(binary, 0o644);
  t.match(run(directory, ["say"]), { code: 2, stdout: "", stderr: /^mayfly needs .* can't be started: EACCES\n$/ });
});

t.test("a new Node runs the program in its own process", async (t) => {
  const directory = installed(t);
  const child = spawn(...plainly(process.execPath, [join(directory, "bin/mayfly.cjs"), "say", "a"]), {
    env: cleanEnv(),
  });
  let stdout = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  t.equal(await ended(child), 0);
  t.match(JSON.parse(stdout), { pid: child.pid, words: ["a"] });
});

t.test("a program that isn't there, or doesn't load: said, and the runtime's exit code", async (t) => {
  const directory = installed(t);
  writeFileSync(join(directory, "dist/cli/main.js"), "import 'nowhere';\n");
  const node = process.execPath;
  t.match(run(directory, ["say"], { node }), { code: 6, stdout: "", stderr: /^mayfly can't be loaded: .*nowhere/ });
});

t.test("in the checkout it starts the source, by either Node", async (t) => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const node of [process.execPath, old].filter((each) => each !== undefined)) {
    const { stdout, status } = spawnSync(...plainly(node, [launcher, "--version"]), {
      env: cleanEnv(),
      encoding: "utf8",
    });
    t.match({ stdout, status }, { stdout: `${version}\n`, status: 0 }, dirname(node));
  }
});

t.test("its floor is the runtime's, and an old Node can read it", async (t) => {
  const text = readFileSync(launcher, "utf8");
  t.equal(/^const floor = "(.*)";$/m.exec(text)?.[1], floor);
  const [lowered, kept] = ["node12.22", "esnext"].map((target) => transformSync(text, { target }));
  t.equal(lowered?.code, kept?.code, "there is nothing in it that Node 12 doesn't know");
});
