// `mayfly init` and `mayfly new job` in folders that have something already. Nothing of it may be lost.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { ignoreAddition } from "../../runtime/cli/project/templates.ts";
import { configOf, makeProject, mayfly, type Project } from "../support/cli.ts";

const read = (here: Project, path: string) => readFileSync(join(here.directory, path), "utf8");
const filesOf = (here: Project) =>
  new Map(
    readdirSync(here.directory, { recursive: true, encoding: "utf8" })
      .filter((path) => statSync(join(here.directory, path)).isFile())
      .map((path) => [path, read(here, path)]),
  );
const doneTo = (stdout: string) =>
  Object.fromEntries(JSON.parse(stdout).files.map(({ path, done }: { path: string; done: string }) => [path, done]));

t.test("an empty folder: config, job, test, tsconfig and .gitignore, and a job that runs", async (t) => {
  const here = await makeProject(t, {});
  const { code, stderr, stdout } = await mayfly(t, here, ["init"]);
  t.match({ code, stdout }, { code: 0, stdout: "" }, stderr);
  const jobs = ["jobs/hello.ts", "jobs/tsconfig.json"];
  const written = [".gitignore", ...jobs, "sandbox.config.ts", "test/hello.test.mts", "tsconfig.json"];
  t.same([...filesOf(here).keys()].sort(), written);
  for (const path of written) t.match(stderr, new RegExp(`written +${path}`));
  t.match(stderr, /next:[\s\S]*mayfly run hello[\s\S]*mayfly dev hello[\s\S]*--test test\/hello\.test\.mts/);
  t.match(stderr, /npm install/, "and it says that Mayfly isn't installed here");
  const ran = await mayfly(t, here, ["run", "hello"]);
  t.same(JSON.parse(ran.stdout), { hello: "world" }, ran.stderr);
});

t.test("a second init changes nothing", async (t) => {
  const here = await makeProject(t, {});
  await mayfly(t, here, ["init"]);
  const before = filesOf(here);
  const { code, stdout } = await mayfly(t, here, ["init", "--json"]);
  t.equal(code, 0);
  t.same(doneTo(stdout), {
    "jobs/hello.ts": "left out",
    "jobs/tsconfig.json": "left out",
    "test/hello.test.mts": "left out",
    "tsconfig.json": "kept",
    ".gitignore": "kept",
    "sandbox.config.ts": "kept",
  });
  t.same(filesOf(here), before);
});

t.test("a project that has files of these names: each is kept and said to be, the rest is added", async (t) => {
  const here = await makeProject(t, {});
  await here.write("jobs/hello.ts", "// mine\n");
  await here.write("tsconfig.json", "{}\n");
  await here.write(".gitignore", "node_modules");
  const { stdout } = await mayfly(t, here, ["init", "--json"]);
  t.same(doneTo(stdout), {
    "jobs/hello.ts": "kept",
    "jobs/tsconfig.json": "written",
    "test/hello.test.mts": "written",
    "tsconfig.json": "kept",
    ".gitignore": "extended",
    "sandbox.config.ts": "written",
  });
  t.equal(read(here, "jobs/hello.ts"), "// mine\n");
  t.equal(read(here, "tsconfig.json"), "{}\n");
  t.equal(read(here, ".gitignore"), "node_modules\n.mayfly/\n");
});

t.test("a config of any spelling is a project that has begun: no job beside it that it doesn't know", async (t) => {
  const here = await makeProject(t, {});
  await here.write("sandbox.config.json", `{"jobs":{}}`);
  const { stdout } = await mayfly(t, here, ["init", "--json"]);
  t.match(doneTo(stdout), { "sandbox.config.json": "kept", "jobs/hello.ts": "left out" });
  t.notOk(existsSync(join(here.directory, "sandbox.config.ts")));
  t.notOk(existsSync(join(here.directory, "jobs")));
});

t.test("a link in the place of a new file is not followed", async (t) => {
  const here = await makeProject(t, {});
  symlinkSync("elsewhere", join(here.directory, "tsconfig.json"));
  const { code, stdout } = await mayfly(t, here, ["init", "--json"]);
  t.match({ code, done: doneTo(stdout) }, { code: 0, done: { "tsconfig.json": "kept" } });
  t.notOk(existsSync(join(here.directory, "elsewhere")));
});

t.test("what can't be written: said, with exit 2, and no config is left without its job", async (t) => {
  const here = await makeProject(t, {});
  await here.write("jobs", "a file");
  const { code, stderr } = await mayfly(t, here, ["init"]);
  t.match({ code, stderr }, { code: 2, stderr: /\[project_files\][\s\S]*next:/ });
  t.notOk(existsSync(join(here.directory, "sandbox.config.ts")));
});

t.test(".gitignore: a line where there is none, whatever its line ends", async (t) => {
  t.equal(ignoreAddition(""), ".mayfly/\n");
  t.equal(ignoreAddition("a\n"), ".mayfly/\n");
  t.equal(ignoreAddition("a"), "\n.mayfly/\n");
  t.equal(ignoreAddition("a\r\nb\r\n"), ".mayfly/\r\n");
  t.equal(ignoreAddition("a\n# .mayfly/\nx/.mayfly/\n"), ".mayfly/\n", "a comment and another folder are none");
  for (const line of [".mayfly", ".mayfly/", "/.mayfly", "/.mayfly/ "])
    t.equal(ignoreAddition(`a\n${line}\n`), undefined);
});

t.test("a new job: its files, its entry, and it runs", async (t) => {
  const here = await makeProject(t, {});
  await mayfly(t, here, ["init"]);
  mkdirSync(join(here.directory, "deep/er"), { recursive: true });
  const below = { ...here, directory: join(here.directory, "deep/er") };
  const { code, stderr } = await mayfly(t, below, ["new", "job", "order-sync"]);
  t.equal(code, 0, stderr);
  t.match(
    read(here, "sandbox.config.ts"),
    /\n {4}"order-sync": \{ entry: "\.\/jobs\/order-sync\.ts", .*\},\n {2}\},\n/,
  );
  t.match(read(here, "test/order-sync.test.mts"), /testRun\("order-sync"/);
  t.same(JSON.parse((await mayfly(t, here, ["run", "order-sync", "--input", "1"])).stdout), { hello: 1 });
  t.same(JSON.parse((await mayfly(t, here, ["run", "hello"])).stdout), { hello: "world" });
});

t.test("a new job in a project whose jobs have no tsconfig.json gets one, and one that is there stays", async (t) => {
  const here = await makeProject(t, { config: configOf({}) });
  const { stdout } = await mayfly(t, here, ["new", "job", "second", "--json"]);
  t.match(doneTo(stdout), { "jobs/tsconfig.json": "written" });
  t.match(JSON.parse(read(here, "jobs/tsconfig.json").replace(/^\/\/.*\n/, "")), {
    extends: "mayfly/jobs/tsconfig.json",
  });
  await here.write("jobs/tsconfig.json", "{}\n");
  await mayfly(t, here, ["new", "job", "third"]);
  t.equal(read(here, "jobs/tsconfig.json"), "{}\n");
});

t.test("a new job in a config whose jobs come from elsewhere: the config stays, and the line is said", async (t) => {
  const config = `import { defineConfig } from "mayfly";\nconst jobs = Object.fromEntries([]);\nexport default defineConfig({ jobs });\n`;
  const here = await makeProject(t, { config });
  const { code, stderr } = await mayfly(t, here, ["new", "job", "second"]);
  t.equal(code, 0);
  t.match(stderr, /write under jobs in sandbox\.config\.ts:[\s\S]*"second": \{ entry: "\.\/jobs\/second\.ts"/);
  t.equal(read(here, "sandbox.config.ts"), config);
  const { stdout } = await mayfly(t, here, ["new", "job", "third", "--json"]);
  t.match(JSON.parse(stdout), { entry: /^"third": / });
});

t.test("an entry that would change more than it says is not kept", async (t) => {
  const config = `import { defineConfig } from "mayfly";
    const named = { second: { entry: "./jobs/other.ts" } };
    export default defineConfig({ jobs: { }, ...(globalThis.never ? {} : { jobs: {} }) });\n`;
  const here = await makeProject(t, { config });
  const { code, stderr } = await mayfly(t, here, ["new", "job", "second"]);
  t.match({ code, stderr }, { code: 0, stderr: /write under jobs/ });
  t.equal(read(here, "sandbox.config.ts"), config);
  t.same(readdirSync(here.directory).sort(), ["jobs", "sandbox.config.ts", "test"], "and nothing lies beside it");
});

t.test("a config that only its owner may read stays so", async (t) => {
  const here = await makeProject(t, { config: configOf({}) });
  chmodSync(join(here.directory, "sandbox.config.ts"), 0o600);
  await mayfly(t, here, ["new", "job", "second"]);
  t.equal(statSync(join(here.directory, "sandbox.config.ts")).mode & 0o777, 0o600);
  t.match(read(here, "sandbox.config.ts"), /second/);
});

t.test("a name that is taken, one that can't be, and no config", async (t) => {
  const here = await makeProject(t, { config: configOf({ hello: "" }), jobs: { hello: "return 1;" } });
  t.match(await mayfly(t, here, ["new", "job", "hello"]), { code: 2, stderr: /already[\s\S]*another name/ });
  for (const name of ["Hello", "../x", "a b", ""]) {
    t.match(await mayfly(t, here, ["new", "job", name]), { code: 2, stderr: /lower-case letter/ }, name);
  }
  t.same(readdirSync(here.directory).sort(), ["jobs", "sandbox.config.ts"]);
  const none = await makeProject(t, {});
  t.match(await mayfly(t, none, ["new", "job", "x"]), { code: 2, stderr: /config_missing[\s\S]*mayfly init/ });
});
