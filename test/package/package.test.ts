// The package, as a stranger meets it: packed by npm, installed into an empty folder by the Node and npm of this machine,
// and used as README.md says, without an edit. One test has the install, which needs the registry.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { eventually } from "../support/cli.ts";
import { cleanEnv, plainly, systemNode } from "../support/system-node.ts";
import { importsOf, tokenize } from "../tidy-reader.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const old = systemNode((version) => Number(version.split(".")[0]) < 24);
const directory = mkdtempSync(join(tmpdir(), "mayfly-package-"));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

interface Packed {
  filename: string;
  version: string;
  files: { path: string; mode: number }[];
}

function command(cwd: string, name: string, words: readonly string[], env: Record<string, string> = {}) {
  const ended = spawnSync(...plainly(name, words), {
    cwd,
    env: { ...cleanEnv(), NO_COLOR: "1", ...env },
    encoding: "utf8",
  });
  if (ended.error !== undefined) throw ended.error;
  return { code: ended.status, stdout: ended.stdout, stderr: ended.stderr };
}

function succeeds(t: Test, cwd: string, line: string): { stdout: string; stderr: string } {
  const [name = "", ...words] = line.split(" ");
  const { code, stdout, stderr } = command(cwd, name, words);
  if (code !== 0) throw new Error(`${line}: ${code}\n${stdout}\n${stderr}`);
  t.pass(line);
  return { stdout, stderr };
}

function pack(): Packed {
  const words = ["pack", "--json", "--pack-destination", directory];
  const { code, stdout, stderr } = command(root, "npm", words);
  if (code !== 0) throw new Error(`npm pack: ${stdout}\n${stderr}`);
  return JSON.parse(stdout.slice(stdout.search(/^\[/m)))[0];
}

const packed = pack();
const paths = packed.files.map(({ path }) => path);

t.test("files that only we need, or not all that a user needs", async (t) => {
  const allowed =
    /^(?:package\.json|README\.md|LICENSE|bin\/mayfly\.cjs|docs\/.*\.md|dist\/.*\.(?:js|d\.ts)|dist\/ambient\/tsconfig\.json|dist\/built\/node-layer\.json)$/;
  t.same(
    paths.filter((path) => !allowed.test(path)),
    [],
  );
  const ours =
    /(?:^|\/)(?:test|scripts|bench|crash|sim)\/|\.test\.|stand-in-aws|vault-stand-in|aws-stand-in|-server\.js|canary|contract/;
  const served = /^dist\/adapters\/(?:system\/control-server|issuers\/(?:jwt|oauth)-server)\.js$/;
  t.same(
    paths.filter((path) => ours.test(path) && !served.test(path)),
    [],
  );
  const needed = [
    "bin/mayfly.cjs",
    "dist/index.js",
    "dist/index.d.ts",
    "dist/testkit/index.js",
    "dist/testkit/index.d.ts",
    "dist/job.d.ts",
    "dist/ambient/tsconfig.json",
    "dist/ambient/globals.d.ts",
    "dist/ambient/web-assembly.d.ts",
    "dist/ambient/shared-memory.d.ts",
    "dist/ambient/node/index.d.ts",
  ];
  const loaded = ["dist/cli/main.js", "dist/adapters/stores/sqlite-checkpoint.js", "dist/built/executor.js"];
  const built = ["guest", "code-cache", "attacker"].map((name) => `dist/built/${name}.js`);
  for (const path of [...needed, ...loaded, ...built, "LICENSE", "README.md"]) t.ok(paths.includes(path), path);
  t.equal((packed.files.find(({ path }) => path === "bin/mayfly.cjs")?.mode ?? 0) & 0o111, 0o111, "it can be started");
});

t.test("an import that leads nowhere in the package, or to a package that isn't installed with it", async (t) => {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const names = new Set([...Object.keys(dependencies), ...Object.keys(optionalDependencies), "mayfly"]);
  const modules = paths.filter((path) => /^dist\/(?!built\/).*\.(?:js|d\.ts)$/.test(path));
  t.ok(modules.length > 100, "which are many");
  const astray = modules.flatMap((path) =>
    importsOf(tokenize(readFileSync(join(root, path), "utf8"))).flatMap(({ specifier }) => {
      const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
      if (!specifier.startsWith("."))
        return specifier.startsWith("node:") || names.has(name) ? [] : [`${path}: ${specifier}`];
      const target = join(dirname(path), path.endsWith(".d.ts") ? specifier.replace(/\.js$/, ".d.ts") : specifier);
      return paths.includes(target) ? [] : [`${path}: ${specifier}`];
    }),
  );
  t.same(astray, []);
});

t.test("a stranger's path: install, init, run, a second job, its tests, its types, no edit", async (t) => {
  const here = join(directory, "stranger");
  succeeds(t, directory, "mkdir stranger");
  succeeds(t, here, "npm init -y");
  succeeds(t, here, `npm install --prefer-offline --no-audit --no-fund ${join(directory, packed.filename)}`);
  const installed = join(here, "node_modules/mayfly");
  t.notOk(existsSync(join(installed, "runtime")));
  t.equal(succeeds(t, here, "npx mayfly --version").stdout, `${packed.version}\n`);

  const begun = performance.now();
  succeeds(t, here, "npx mayfly init");
  t.same(JSON.parse(succeeds(t, here, "npx mayfly run hello").stdout), { hello: "world" });
  t.ok(performance.now() - begun < 60_000, "under a minute");

  succeeds(t, here, "npx mayfly new job second");
  t.same(JSON.parse(succeeds(t, here, "npx mayfly run second --input 2").stdout), { hello: 2 });
  t.match(succeeds(t, here, "npx mayfly check").stderr, /ok +hello[\s\S]*ok +second/);
  succeeds(t, here, "npx node --test");

  await t.test("its types, where TypeScript is", async (t) => {
    const tsc = join(root, "node_modules/.bin/tsc");
    succeeds(t, here, tsc);
    succeeds(t, here, `${tsc} --skipLibCheck false`);
    succeeds(t, here, `${tsc} -p jobs`);
    writeFileSync(join(here, "jobs/second.ts"), "export default process.env.HOME;\n");
    const { code, stdout } = command(here, tsc, ["-p", "jobs"]);
    t.match({ code, stdout }, { code: 1, stdout: /'env' does not exist on type '"a job has no process: / });
  });

  await t.test("by the old Node of this machine, without npx in between", async (t) => {
    if (old === undefined) return t.plan(0, "no old Node is installed here");
    const { code, stdout, stderr } = command(here, old, [join(installed, "bin/mayfly.cjs"), "run", "hello"]);
    t.equal(code, 0, stderr);
    t.same(JSON.parse(stdout), { hello: "world" });
  });

  await t.test(
    "by the old Node, a process that serves: it begins itself once more, tries its defences, and ends when told to",
    async (t) => {
      if (old === undefined) return t.plan(0, "no old Node is installed here");
      const words = [join(here, "node_modules/.bin/mayfly"), "start", "--allow-missing-sandbox"];
      const child = spawn(...plainly(old, words), { cwd: here, env: cleanEnv(), stdio: ["ignore", "ignore", "pipe"] });
      t.teardown(() => child.kill("SIGKILL"));
      let said = "";
      const ended = new Promise((resolve) => child.once("close", resolve));
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
      await eventually(() => /^ready/m.test(said) || child.exitCode !== null || undefined);
      t.match(said, /^ready: 2 jobs/m);
      child.kill("SIGTERM");
      t.equal(await ended, 0, said);
    },
  );

  await t.test("nothing of it was written into the package, and no script was built anew", async (t) => {
    t.same(readdirSync(installed).sort(), ["LICENSE", "README.md", "bin", "dist", "docs", "package.json"]);
    const cached = readdirSync(join(here, ".mayfly/cache")).find((name) => /^executor-.*\.cjs$/.test(name)) ?? "";
    const text = (path: string) => readFileSync(path, "utf8");
    t.equal(text(join(here, ".mayfly/cache", cached)), text(join(installed, "dist/built/executor.js")));
  });
});
