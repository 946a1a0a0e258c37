// FS-12, -15, -20, -21 and -22: runs have nothing of each other, of the host's environment, and of our tooling's trust;
// and what a mount's source has become before the start decides whether there is a start.
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import tmp from "tmp";
import { makeBundler } from "../../runtime/adapters/system/esbuild-bundler.ts";
import { openRuns, type Runs } from "../support/runs.ts";
import { makeOutside } from "./outside.ts";

function directoryFor(t: Test): string {
  const { name, removeCallback } = tmp.dirSync({ prefix: "mayfly-apart-", unsafeCleanup: true });
  t.teardown(removeCallback);
  return name;
}

const ownOf = (runs: Runs, id: string) => join(runs.runtime.state.path, "runs", id);

t.test("[FS-15] two runs of one job, and two jobs of like names, share nothing", async (t) => {
  const signs = directoryFor(t);
  const body = `
    const before = await c.files.list("/");
    await c.files.write("/same/name.txt", c.run.id);
    c.log.info("written");
    while ((await c.files.stat("/signs/go")) === null) await new Promise((resolve) => setTimeout(resolve, 5));
    return { before: before.map(({ name }) => name), found: await c.files.readText("/same/name.txt"), after: (await c.files.list("/same")).length };
  `;
  const job = { body, mounts: { "/signs": signs } };
  const runs = await openRuns({ job, "job-": job, "job-2": job, output: job });
  const started = await Promise.all(["job", "job", "job-", "output"].map((name) => runs.start(name)));
  for (const { id } of started) await runs.event((event) => event.runId === id && event.type === "log");
  t.strictSame(readdirSync(join(runs.runtime.state.path, "runs")).sort(), started.map(({ id }) => id as string).sort());
  for (const { id } of started) {
    t.match(id, /^run_[0-9a-f]{32}$/, "128 random bits");
    t.equal(statSync(ownOf(runs, id)).mode & 0o7777, 0o700);
    t.equal(readFileSync(join(ownOf(runs, id), "same/name.txt"), "utf8"), id);
  }
  t.equal(new Set(started.map(({ id }) => statSync(ownOf(runs, id)).ino)).size, started.length);
  writeFileSync(join(signs, "go"), "");
  for (const { id, done } of started) {
    t.strictSame((await done).result, { before: ["output", "signs"], found: id, after: 1 });
  }
  await runs.end(t);
});

t.test("[FS-20] the next run finds nothing of the one before, in names, in files, in blocks", async (t) => {
  const secret = "left-over-".repeat(10);
  const runs = await openRuns({
    leaves: {
      body: `
        await c.files.write("/same.txt", c.input.repeat(20_000));
        await c.files.write("/output/same.txt", c.input.repeat(20_000));
        return null;
      `,
    },
    looks: {
      body: `
        const missing = await c.files.read("/same.txt").catch((e) => e.code);
        const names = (await c.files.list("/output")).length;
        await c.files.write("/same.txt", "");
        const fresh = (await c.files.read("/same.txt")).length;
        await c.files.append("/same.txt", "x");
        const text = await c.files.readText("/same.txt");
        const bytes = await c.files.read("/same.txt");
        return { missing, names, fresh, text, whole: bytes.buffer.byteLength, globals: Object.keys(globalThis).filter((key) => key.includes("left")) };
      `,
    },
  });
  t.equal((await runs.run("leaves", secret)).state, "succeeded");
  const { result } = await runs.run("looks");
  t.strictSame(result, { missing: "not_found", names: 0, fresh: 0, text: "x", whole: 1, globals: [] });
  await runs.end(t);
});

const traps = {
  ".npmrc": "script-shell=/bin/false\nignore-scripts=false\n",
  ".git/hooks/post-checkout": "#!/bin/sh\ntouch /tmp/mayfly-was-here\n",
  ".git/config": "[core]\n\tfsmonitor = touch /tmp/mayfly-was-here\n",
  "node_modules/borrowed/index.js": "export default 'trapped';",
  "node_modules/borrowed/package.json": '{"name":"borrowed","main":"index.js"}',
  "package.json": '{"type":"commonjs","scripts":{"preinstall":"touch /tmp/mayfly-was-here"}}',
  "tsconfig.json": '{"compilerOptions":{"jsx":"react","jsxFactory":"trapped"}}',
  "sandbox.config.ts": 'throw new Error("trapped");',
  "biome.json": "{}",
  ".env": "NODE_OPTIONS=--require=/output/trap.cjs\n",
};

const borrowing = `import borrowed from "borrowed"; export default { kind: "mayfly.job", run: async () => borrowed };`;

t.test("[FS-21] names that tools trust, written by a job, are never run nor read as settings", async (t) => {
  const module = `export default { kind: "mayfly.job", run: async () => "clean" };`;
  const runs = await openRuns({
    sets: {
      body: `
        for (const [name, text] of Object.entries(c.input)) for (const at of ["/", "/output/"]) await c.files.write(at + name, text);
        return null;
      `,
    },
    after: { module },
    borrows: { module: borrowing },
  });
  const record = await runs.run("sets", traps);
  t.equal(record.outputs.length, Object.keys(traps).length, "they are kept as what they are: files");
  const kept = runs.runtime.archive.outputDirectory(record.id);
  for (const name of Object.keys(traps)) {
    t.equal(statSync(join(kept, name)).mode & 0o7777, 0o600, `${name} can't be executed`);
  }
  t.strictSame((await runs.run("after")).result, "clean");
  await t.rejects(runs.run("borrows"), { code: "bundle_failed" }, "no package comes from a job's files");
  const { state } = runs.runtime;
  const bundled = await makeBundler({ directory: runs.directory, stateDirectory: state.path }).bundle(
    join(runs.directory, "jobs/after.ts"),
  );
  const inputs = JSON.stringify(bundled.inputs);
  t.notMatch(inputs, /outputs|runs\/|borrowed/);
  t.throws(() => statSync("/tmp/mayfly-was-here"));
  await runs.end(t);
});

t.test("a package beside an entry is bundled with it: the test above would see one", async (t) => {
  const directory = directoryFor(t);
  mkdirSync(join(directory, "outputs/node_modules/borrowed"), { recursive: true });
  for (const name of ["index.js", "package.json"] as const) {
    writeFileSync(join(directory, "outputs/node_modules/borrowed", name), traps[`node_modules/borrowed/${name}`]);
  }
  writeFileSync(join(directory, "outputs/job.ts"), borrowing);
  const bundler = makeBundler({ directory, stateDirectory: join(directory, "state") });
  const { code, inputs } = await bundler.bundle(join(directory, "outputs/job.ts"));
  t.match(Buffer.from(code).toString(), "trapped");
  t.match(JSON.stringify(inputs), "node_modules/borrowed");
});

t.test(
  "[FS-22] environment, arguments and working directory: none, and the executor's own are constants",
  async (t) => {
    process.env.MAYFLY_CANARY = "canary-in-the-environment";
    t.teardown(() => {
      delete process.env.MAYFLY_CANARY;
    });
    const signs = directoryFor(t);
    const runs = await openRuns({
      job: {
        mounts: { "/signs": signs },
        body: `
        c.log.info("here");
        while ((await c.files.stat("/signs/go")) === null) await new Promise((resolve) => setTimeout(resolve, 5));
        const unset = ["process", "require", "module", "__dirname", "__filename", "Deno", "Bun", "global", "env", "argv"].filter((name) => name in globalThis);
        return { unset, context: Object.keys(c).sort(), run: Object.keys(c.run).sort(), job: c.run.job, input: c.input, stack: new Error("x").stack };
      `,
      },
    });
    const { id, pid, done } = await runs.start("job");
    await runs.event((event) => event.runId === id && event.type === "log");
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
    t.ok(["", "PWD=/\0"].includes(environment), "the executor has no environment; bubblewrap says where it stands");
    t.match(
      readFileSync("/proc/self/environ", "latin1") + process.env.MAYFLY_CANARY,
      "canary",
      "which is where it would be",
    );
    const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    t.notMatch(argv.join(" "), new RegExp(`${id}|canary|${signs}`), "and nothing of the run in its arguments");
    writeFileSync(join(signs, "go"), "");
    const result = (await done).result as { stack: string };
    t.match(result, {
      unset: [],
      context: ["credential", "fetch", "files", "identity", "input", "log", "run", "signal"],
      run: ["id", "job"],
      job: "job",
      input: null,
    });
    t.notMatch(result.stack, /\/tmp|\/root|\/home|node:/);
    await runs.end(t);
  },
);

t.test("[FS-12] a mount's source that became a link, or went away, before the start: no start", async (t) => {
  const base = directoryFor(t);
  const outside = makeOutside(join(base, "outside"));
  mkdirSync(join(base, "data"));
  writeFileSync(join(base, "data/canary.txt"), "mounted");
  const body = 'return await c.files.readText("/data/canary.txt");';
  const runs = await openRuns({ job: { body, mounts: { "/data": join(base, "data") } } });
  t.equal((await runs.run("job")).result, "mounted");
  renameSync(join(base, "data"), join(base, "away"));
  const gone = await runs.run("job");
  symlinkSync(outside.directory, join(base, "data"));
  const swapped = await runs.run("job");
  for (const record of [gone, swapped]) {
    t.match(record, { state: "failed", result: null, startedAt: null, error: { code: "config_invalid" } });
    t.match(record.error?.message, /can't be opened|symbolic link|nothing/);
  }
  t.strictSame(outside.touched(), []);
  t.strictSame(readdirSync(join(runs.runtime.state.path, "runs")), [], "and no directory is left of it");
  await runs.end(t);
});
