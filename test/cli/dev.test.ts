// `mayfly dev`: each save is a run, and nothing that an author gets wrong meanwhile ends it.
import { rename } from "node:fs/promises";
import { join } from "node:path";
import t, { type Test } from "tap";
import { configOf, launch, ledgerOf, makeProject, mayfly, type Project, type Running } from "../support/cli.ts";
import { processesOf } from "../support/start.ts";

const job = (body: string) =>
  `import { defineJob } from "mayfly";\nexport default defineJob(async ({ fetch, log, signal }) => {\n${body}\n});\n`;

/** As most editors do it: one event, so that a slow machine makes no two rounds of it. */
async function save({ directory, write }: Project, path: string, text: string): Promise<void> {
  await write(".saved", text);
  await rename(join(directory, ".saved"), join(directory, path));
}

function watched(t: Test, here: Project, words: readonly string[] = []): Running {
  return launch(t, here, ["dev", "hello", ...words]);
}

/** Resolves when it has said it waits for the nth time. */
const waits = (running: Running, count: number) => running.says(new RegExp(`(?:^waiting [\\s\\S]*){${count}}`, "m"));

async function interrupted(t: Test, here: Project, running: Running) {
  running.signal("SIGINT");
  const ended = await running.ended;
  t.equal(ended.code, 130, ended.stderr);
  t.same(processesOf(here), [], "no executor is left");
  return ended;
}

const results = (stdout: string) =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

t.test("a save of the job, of what it imports, and of the config: each is a run of what is there now", async (t) => {
  const here = await makeProject(t, { config: configOf({ hello: "" }) });
  await here.write("jobs/hello.ts", `import { n } from "./lib/n.ts";\n${job('return [1, n].join(" ");')}`);
  await here.write("jobs/lib/n.ts", "export const n = 1;\n");
  const running = watched(t, here);
  await waits(running, 1);
  await save(here, "jobs/hello.ts", `import { n } from "./lib/n.ts";\n${job('return [2, n].join(" ");')}`);
  await running.says(/^saved +jobs\/hello\.ts$/m);
  await waits(running, 2);
  await save(here, "jobs/lib/n.ts", "export const n = 2;\n");
  await running.says(/^saved +jobs\/lib\/n\.ts$/m);
  await waits(running, 3);
  await save(here, "jobs/other.ts", job("return 3;"));
  await save(here, "sandbox.config.ts", `export default { jobs: { hello: { entry: "./jobs/other.ts" } } };\n`);
  await running.says(/^saved +sandbox\.config\.ts$/m);
  await waits(running, 4);
  const { stdout } = await interrupted(t, here, running);
  t.same(results(stdout), ["1 1", "2 1", "2 2", 3]);
});

t.test("what the config imports", async (t) => {
  const config = `import { wall } from "./wall.ts";\nexport default { jobs: { hello: { entry: "./jobs/hello.ts", limits: { wall } } } };\n`;
  const here = await makeProject(t, { config, jobs: { hello: "return 1;" } });
  await here.write("wall.ts", `export const wall = "10s";\n`);
  const running = watched(t, here, ["--json"]);
  await waits(running, 1);
  await save(here, "jobs/hello.ts", job("return 2;"));
  await waits(running, 2);
  await save(here, "wall.ts", `export const wall = "20s";\n`);
  await waits(running, 3);
  const { stdout } = await interrupted(t, here, running);
  const records = JSON.parse(`[${stdout.replaceAll(/^\}\n\{/gm, "},{")}]`);
  t.match(records, [
    { result: 1, limits: { wallMs: 10_000 } },
    { result: 2, limits: { wallMs: 10_000 } },
    { result: 2, limits: { wallMs: 20_000 } },
  ]);
});

t.test("a job and a config that are broken: the error is shown, and the next save runs", async (t) => {
  const here = await makeProject(t, { config: configOf({ hello: "" }), jobs: { hello: "return ;;);" } });
  const running = watched(t, here);
  await running.says(/\[bundle_failed\]/);
  await waits(running, 1);
  await save(here, "jobs/hello.ts", `import { n } from "./n.ts";\n${job("return n;")}`);
  await running.says(/nothing to import at "\.\/n\.ts"/);
  await waits(running, 2);
  await save(here, "jobs/n.ts", "export const n = 1;\n");
  await running.says(/^succeeded/m);
  await waits(running, 3);
  await save(here, "sandbox.config.ts", "export default { jobs: ;\n");
  await running.says(/\[config_throws\]/);
  await waits(running, 4);
  await save(here, "sandbox.config.ts", "export default { jobs: { hello: { entri: 1 } } };\n");
  await running.says(/\[config_invalid\]/);
  await waits(running, 5);
  await save(here, "sandbox.config.ts", `export default { jobs: { hello: { entry: "./jobs/hello.ts" } } };\n`);
  await waits(running, 6);
  t.same(results((await interrupted(t, here, running)).stdout), [1, 1]);
});

t.test("a denial: the line that would allow it, and once it is written it is allowed", async (t) => {
  const ask = job(
    `try { await fetch("http://127.0.0.1:9/x"); return "answered"; } catch (error) { return error.code; }`,
  );
  const here = await makeProject(t, { config: configOf({ hello: "" }), jobs: { hello: ask } });
  const running = watched(t, here);
  const [, line] = await running.says(
    /^to allow +what was denied, write in sandbox\.config\.ts under jobs\.hello:\n +(.*)$/m,
  );
  await waits(running, 1);
  const grant = line?.replace(/^network\.allow: (\[.*\])$/, "network: { allow: $1 }") ?? "";
  t.match(grant, /^network: \{ allow: \["GET http:\/\/127\.0\.0\.1:9\/x"\] \}$/);
  await save(
    here,
    "sandbox.config.ts",
    `export default { jobs: { hello: { entry: "./jobs/hello.ts", ${grant} } } };\n`,
  );
  await waits(running, 2);
  const [denied, allowed] = results((await interrupted(t, here, running)).stdout);
  t.equal(denied, "not_allowed");
  t.not(allowed, "not_allowed");
});

t.test("a save while it runs ends that run, and the next begins", async (t) => {
  const here = await makeProject(t, { config: configOf({ hello: "" }) });
  const forEver = job(`log.info("holds on"); await new Promise(() => {});`);
  await here.write("jobs/hello.ts", forEver);
  const running = watched(t, here);
  await running.says(/holds on/);
  await save(here, "jobs/hello.ts", job("return 1;"));
  await running.says(/^killed/m);
  await waits(running, 2);
  t.same(results((await interrupted(t, here, running)).stdout), [1]);
});

t.test("Ctrl-C while it runs: the run is torn down first", async (t) => {
  const here = await makeProject(t, { config: configOf({ hello: "" }) });
  await here.write("jobs/hello.ts", job(`log.info("holds on"); await new Promise(() => {});`));
  const running = watched(t, here);
  await running.says(/holds on/);
  const { stderr } = await interrupted(t, here, running);
  t.match(stderr, /^teardown +process: confirmed$/m);
  const { store, close } = ledgerOf(here);
  t.match(store.runs(10), [
    { record: { state: "killed", teardown: { process: "confirmed", directory: "confirmed" } } },
  ]);
  await close();
});

t.test("input from a file is watched too", async (t) => {
  const here = await makeProject(t, { config: configOf({ hello: "" }), jobs: { hello: "return input;" } });
  await here.write("in.json", "1");
  const running = watched(t, here, ["--input-file", "in.json"]);
  await waits(running, 1);
  await save(here, "in.json", "no json");
  await running.says(/\[input_invalid\]/);
  await waits(running, 2);
  await save(here, "in.json", "2");
  await waits(running, 3);
  t.same(results((await interrupted(t, here, running)).stdout), [1, 2]);
});

t.test("an editor that writes the file where it is", async (t) => {
  const here = await makeProject(t, { config: configOf({ hello: "" }), jobs: { hello: "return 1;" } });
  const running = watched(t, here);
  await waits(running, 1);
  await here.write("jobs/hello.ts", job("return 2;"));
  await running.says(/^succeeded[\s\S]*^succeeded/m);
  t.equal(results((await interrupted(t, here, running)).stdout).at(-1), 2);
});

t.test("a name that no job has, and no config: nothing to wait for", async (t) => {
  const here = await makeProject(t, { config: configOf({ hello: "" }), jobs: { hello: "return 1;" } });
  t.match(await mayfly(t, here, ["dev", "helo"]), { code: 2, stderr: /did you mean hello\?/ });
  t.match(await mayfly(t, await makeProject(t, {}), ["dev", "hello"]), { code: 2, stderr: /config_missing/ });
});
