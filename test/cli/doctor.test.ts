// `mayfly doctor`, as a command: on this machine, on one that lacks a layer, and on one whose bubblewrap only pretends. It
// tells these apart by verdict and exit code, leaves nothing behind, and never touches the installation it stands in.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { Row } from "../../runtime/cli/doctor/attack.ts";
import {
  configOf,
  type Ended,
  findOnPath,
  launch,
  makeProject,
  mayfly,
  type Project,
  pathWithout,
} from "../support/cli.ts";
import { hollowPath } from "../support/hollow-bwrap.ts";

interface Report {
  verdict: string;
  exitCode: number;
  osSandbox: string;
  attacks: Row[];
}

const hasBubblewrap = (await findOnPath("bwrap")) !== undefined;
const needsBubblewrap = hasBubblewrap ? {} : { skip: "bubblewrap is not installed" };

async function project(
  t: Test,
  osSandbox: "required" | "preferred",
): Promise<Project & { env: Record<string, string> }> {
  const here = await makeProject(t, { config: configOf({}, `executor: { osSandbox: "${osSandbox}" },`) });
  const TMPDIR = join(here.directory, "tmp");
  await mkdir(TMPDIR);
  return { ...here, env: { TMPDIR, PATH: process.env.PATH ?? "" } };
}

function reportOf({ stdout, stderr }: Ended): Report {
  try {
    return JSON.parse(stdout) as Report;
  } catch {
    throw new Error(`no report on stdout: ${stdout}\n${stderr}`);
  }
}

const named = (rows: readonly Row[], verdict: Row["verdict"]) =>
  rows.filter((row) => row.verdict === verdict).map(({ group, name }) => `${group}: ${name}`);

function leftNothing(t: Test, here: Project & { env: Record<string, string> }): void {
  t.same(readdirSync(here.env.TMPDIR ?? ""), [], "no temporary directory is left");
  t.notOk(existsSync(here.state), "the installation's state was not touched, nor made");
  const living = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && commandOf(pid).includes(here.directory));
  t.same(living, [], "no process of it is left");
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // it ended in between
  }
}

t.test(
  "all attacks on this machine: no defence breaks, and each row says what was tried, expected and seen",
  async (t) => {
    const here = await project(t, "preferred");
    const ended = await mayfly(t, here, ["doctor", "--attack", "--json"], here);
    const report = reportOf(ended);
    t.same(named(report.attacks, "BROKEN"), [], ended.stderr);
    const groups = [
      "version",
      "layer",
      "isolation",
      "limit",
      "files",
      "egress",
      "walls",
      "credential",
      "crash",
      "audit",
    ];
    t.same([...new Set(report.attacks.map(({ group }) => group))], groups);
    for (const row of report.attacks) {
      t.match(row, { name: /./, tries: /./, expects: /./, saw: /./, durationMs: Number }, `${row.group}: ${row.name}`);
      if (row.verdict === "not armed") t.match(row.hint, /./, `${row.name} says how to arm it`);
    }
    t.equal(ended.code, 0, "what is missing is waived here");
    t.match(ended.stderr, /^ *\d+ of \d+: isolation, globals of Node$/m, "it says what it is at");
    t.match(ended.stderr, /^\d+ defences tried, /m);
    leftNothing(t, here);
  },
);

t.test(
  "a machine without bubblewrap: what is missing is named with its remedy, and fatal only where it is required",
  async (t) => {
    for (const [osSandbox, code] of [
      ["required", 2],
      ["preferred", 0],
    ] as const) {
      const here = await project(t, osSandbox);
      const env = { ...here.env, PATH: await pathWithout(t, ["bwrap"]) };
      const ended = await mayfly(t, here, ["doctor", "--attack", "--json"], { env });
      const report = reportOf(ended);
      t.equal(ended.code, code, ended.stderr);
      t.match(report, { verdict: "not armed", exitCode: code, osSandbox });
      const missing = named(report.attacks, "not armed");
      for (const name of ["layer: net-namespace", "layer: mount-tree", "layer: seccomp", "walls: a connection"])
        t.ok(missing.includes(name), name);
      t.same(named(report.attacks, "BROKEN"), [], "what isn't there is not called broken");
      t.match(
        report.attacks.find(({ name }) => name === "a connection"),
        { saw: /did: connected/, hint: /apt-get install bubblewrap/ },
      );
      t.match(ended.stderr, osSandbox === "required" ? /start` refuses/ : /runs go on without/);
      leftNothing(t, here);
    }
  },
);

t.test(
  "a bubblewrap that raises no wall: what is said to be armed and isn't is BROKEN, exit 6",
  needsBubblewrap,
  async (t) => {
    const here = await project(t, "preferred");
    const ended = await mayfly(t, here, ["doctor", "--attack", "--json"], {
      env: { ...here.env, PATH: await hollowPath(t) },
    });
    t.equal(ended.code, 6, ended.stderr);
    const report = reportOf(ended);
    const broken = named(report.attacks, "BROKEN");
    const wanted = [
      ...["empty-environment", "net-namespace", "mnt-namespace", "pid-namespace", "mount-tree", "seccomp"].map(
        (name) => `layer: ${name}`,
      ),
      ...["a connection", "a file of the machine", "another process", "the environment", "a dead supervisor"].map(
        (name) => `walls: ${name}`,
      ),
    ];
    for (const name of wanted) t.ok(broken.includes(name), name);
    t.match(report.attacks.find(({ name }) => name === "a connection")?.saw, /connected; and it arrived/);
    t.match(
      report.attacks.filter(({ group }) => group === "egress").map(({ verdict }) => verdict),
      ["held"],
      "other rings hold",
    );
    const plain = await mayfly(t, here, ["doctor"], { env: { ...here.env, PATH: await hollowPath(t) } });
    t.match(plain, { code: 6, stdout: /absent layer +seccomp/, stderr: /BROKEN/ }, "the quick look sees it too");
  },
);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  t.test(`${signal} in the midst of the attacks: exit 130, nothing is left`, async (t) => {
    const here = await project(t, "preferred");
    const running = launch(t, here, ["doctor", "--attack"], here);
    await running.says(/: limit, memory, heap$/m);
    running.signal(signal);
    t.match(await running.ended, { code: 130, stdout: "", stderr: new RegExp(`${signal}: stopped`) });
    leftNothing(t, here);
  });
}

t.test("before there is a config a machine can be examined; a config that is broken is an error", async (t) => {
  const here = await makeProject(t, {});
  const env = { PATH: await pathWithout(t, ["bwrap"]) };
  t.match(await mayfly(t, here, ["doctor", "--json"], { env }), { code: 2, stdout: /"osSandbox": "required"/ });
  await here.write("sandbox.config.ts", "export default { jobz: {} };");
  t.match(await mayfly(t, here, ["doctor", "--attack"], { env }), { code: 2, stdout: "", stderr: /config_invalid/ });
});

t.test("the exit codes stand in the help", async (t) => {
  const { stdout } = await mayfly(t, await makeProject(t, {}), ["doctor", "--help"]);
  t.match(stdout, /--attack[\s\S]*Exit codes: 0 everything held, 2 .*, 6 a defence broke/);
});
