// A machine without bubblewrap: with the sandbox required nothing runs, and without that word it runs and says so, once.
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { chmod, chown, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import t, { type Test } from "tap";
import {
  configOf,
  type Ended,
  findOnPath,
  mainFile,
  makeProject,
  mayfly,
  type Project,
  pathWithout,
  recordOf,
} from "../support/cli.ts";

const nobody = 65_534;
const isRoot = process.getuid?.() === 0;

function project(t: Test): Promise<Project> {
  return makeProject(t, { config: configOf({ hello: "" }), jobs: { hello: "return 1;" } });
}

t.test("--require-sandbox: refused with exit 2, and the command that installs what is missing", async (t) => {
  const here = await project(t);
  const env = { PATH: await pathWithout(t, ["bwrap"]) };
  const ended = await mayfly(t, here, ["run", "hello", "--require-sandbox"], { env });
  t.match(ended, { code: 2, stdout: "", stderr: /sandbox_required[\s\S]*apt-get install bubblewrap/ });
  const started = await mayfly(t, here, ["start"], { env });
  t.match(
    started,
    { code: 2, stderr: /sandbox_required[\s\S]*apt-get install bubblewrap/ },
    "`start` requires it unasked",
  );
});

/** @param besides of what else it warns. */
function ranAndWarned(t: Test, ended: Ended, besides: readonly RegExp[] = []): void {
  t.equal(ended.code, 0, ended.stderr);
  const record = recordOf(ended);
  t.match(record, { state: "succeeded", result: 1, teardown: { process: "confirmed" } });
  const warnings = ended.stderr.split("\n").filter((line) => line.startsWith("warning:"));
  t.equal(warnings.length, 1 + besides.length, ended.stderr);
  t.match(warnings, [/sandbox incomplete: .*mount-tree.*apt-get install \w+/, ...besides]);
  const missing = record.layers.filter(({ armed }) => !armed).map(({ name }) => name);
  for (const layer of ["network-namespace", "mount-tree", "pid-namespace"]) t.ok(missing.includes(layer), layer);
}

t.test("without bubblewrap a run works, and one line says what is missing and how to get it", async (t) => {
  const env = { PATH: await pathWithout(t, ["bwrap"]) };
  ranAndWarned(t, await mayfly(t, await project(t), ["run", "hello", "--json"], { env }));
});

t.test("nothing of the sandbox is installed at all: it runs on what Node gives, and says so", async (t) => {
  const env = { PATH: await pathWithout(t, ["bwrap", "prlimit", "setpriv"]) };
  const ended = await mayfly(t, await project(t), ["run", "hello", "--json"], { env });
  ranAndWarned(t, ended, [/prlimit \(util-linux\) is missing: .*core file/]);
  const missing = recordOf(ended)
    .layers.filter(({ armed }) => !armed)
    .map(({ name }) => name);
  for (const layer of ["rlimits", "no-new-privs", "die-with-parent"]) t.ok(missing.includes(layer), layer);
});

t.test("bubblewrap is there and doesn't work: said aloud, and the run goes on without it", async (t) => {
  const here = await project(t);
  const path = await pathWithout(t, []);
  await writeFile(`${path}/bwrap`, "#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n", {
    mode: 0o755,
  });
  const ended = await mayfly(t, here, ["run", "hello", "--json"], { env: { PATH: path } });
  t.equal(ended.code, 0, ended.stderr);
  t.match(ended.stderr, /No permissions to create a new namespace/);
  t.match(recordOf(ended).state, "succeeded");
  const required = await mayfly(t, here, ["run", "hello", "--require-sandbox"], { env: { PATH: path } });
  t.match(required, { code: 2, stderr: /sandbox_required/ });
});

/** Why an ordinary user can't run this installation from here; undefined when it can. */
async function whyNotAs(uid: number): Promise<string | undefined> {
  if (!isRoot) return "not started as root, so that it can't become another user";
  const setpriv = await findOnPath("setpriv");
  if (setpriv === undefined) return "setpriv is not installed";
  const tries = [mainFile, process.execPath, dirname(mainFile)].map(
    (file) => spawnSync(setpriv, [`--reuid=${uid}`, "--clear-groups", "test", "-r", file]).status === 0,
  );
  return tries.every(Boolean) ? undefined : "the repository is not readable to other users";
}

for (const missing of [["bwrap"], []] as const) {
  const what = missing.length === 0 ? "with what is installed" : "without bubblewrap";
  t.test(`an ordinary user, ${what}: it works`, async (t) => {
    const reason = await whyNotAs(nobody);
    if (reason !== undefined) return t.plan(0, reason);
    const here = await project(t);
    await chmod(here.directory, 0o755);
    await chown(here.directory, nobody, nobody);
    const env = missing.length === 0 ? {} : { PATH: await pathWithout(t, missing) };
    const before = [(await findOnPath("setpriv")) ?? "", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
    const ended = await mayfly(t, here, ["run", "hello", "--json"], { env, before });
    t.equal(ended.code, 0, ended.stderr);
    const record = recordOf(ended);
    t.match(record, { state: "succeeded", result: 1, teardown: { process: "confirmed", directory: "confirmed" } });
    t.match(
      record.layers.find(({ name }) => name === "unprivileged-uid"),
      { armed: true, detail: /65534/ },
    );
    const warnings = ended.stderr.split("\n").filter((line) => line.startsWith("warning:"));
    t.ok(warnings.length <= 1, ended.stderr);
  });
}

t.test("the test's own PATH without bubblewrap is one", async (t) => {
  const directory = await pathWithout(t, ["bwrap"]);
  t.throws(() => accessSync(`${directory}/bwrap`, constants.X_OK));
});
