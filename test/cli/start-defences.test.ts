// What `mayfly start` tries before it serves: it says so in one line and in the audit log, it leaves nothing of it behind
// even when it is killed meanwhile, and it refuses to serve with a defence that doesn't hold, whatever else is waived.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { findCgroups } from "../../runtime/adapters/system/cgroup.ts";
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import { prepareExecutorFiles } from "../../runtime/adapters/system/executor-files.ts";
import { makeExecutorPool, type PoolOptions } from "../../runtime/adapters/system/executor-pool.ts";
import { conclude } from "../../runtime/cli/doctor/conclusion.ts";
import { layerRows } from "../../runtime/cli/doctor/layers.ts";
import type { RunId } from "../../runtime/model/ids.ts";
import { configOf, findOnPath, launch, ledgerOf, makeProject, mayfly, type Project } from "../support/cli.ts";
import { holding } from "../support/holding.ts";
import { hollowPath } from "../support/hollow-bwrap.ts";
import { processesOf, recordAtEnd, startMayfly } from "../support/start.ts";

const needsBubblewrap = (await findOnPath("bwrap")) === undefined ? { skip: "bubblewrap is not installed" } : {};
const line = /^\d+ defences tried, .*, \d+\.\d s$/m;

function project(t: Test): Promise<Project> {
  return makeProject(t, { config: configOf({ echo: "" }), jobs: { echo: "return input;" } });
}

async function auditOf(here: Project): Promise<{ type: string; code?: string; detail?: string }[]> {
  const { store } = ledgerOf(here);
  const events = store.auditEntries(1, 1_000).map(({ event }) => event);
  await store.close();
  return events;
}

t.test("what was tried before serving is said in one line, stands in the audit log, and leaves no trace", async (t) => {
  const here = await project(t);
  const started = await startMayfly(t, here);
  const [said = ""] = line.exec(started.stderr()) ?? [];
  t.match(said, /^\d{2} defences tried/, started.stderr());
  t.notMatch(said, /BROKEN/);
  t.ok(started.stderr().indexOf(said) < started.stderr().indexOf("ready: "), "before it is ready");
  const events = await auditOf(here);
  t.same(
    events.map(({ type }) => type),
    ["start"],
    "no run and no lease of the trial is in the installation's log",
  );
  t.ok(events[0]?.detail?.endsWith(said), events[0]?.detail ?? "no detail");
  t.notOk(existsSync(join(here.state, "trial")), "its directory is gone");
  t.same(readdirSync(join(here.state, "runs")), []);
  started.signal("SIGTERM");
  t.match(await started.ended, { code: 0 });
});

t.test("a `start` that is killed in the midst of its trial: the next one clears up and serves", async (t) => {
  const here = await project(t);
  const first = launch(t, here, ["start", "--allow-missing-sandbox"]);
  const { state } = here;
  while (!existsSync(join(state, "trial"))) await new Promise((resolve) => setTimeout(resolve, 1));
  first.signal("SIGKILL");
  t.match(await first.ended, { signal: "SIGKILL" });
  t.ok(existsSync(join(state, "trial")), "there was something to clear up");
  mkdirSync(join(state, "trial", "more"), { recursive: true });
  writeFileSync(join(state, "trial", "more", "left.txt"), "");
  const next = await startMayfly(t, here);
  t.notOk(existsSync(join(state, "trial")));
  next.signal("SIGTERM");
  await next.ended;
  t.same(processesOf(here), []);
});

t.test(
  "a wall that is said to be armed and isn't: `start` refuses, with --allow-missing-sandbox too",
  needsBubblewrap,
  async (t) => {
    const here = await project(t);
    const env = { PATH: await hollowPath(t) };
    for (const args of [["start"], ["start", "--allow-missing-sandbox"]]) {
      const ended = await mayfly(t, here, args, { env });
      t.match(
        ended,
        { code: 6, stderr: /defence_broken[\s\S]*found:[\s\S]*needed:[\s\S]*next:.*mayfly doctor --attack/ },
        args.join(" "),
      );
      t.match(ended.stderr, /layer: net-namespace/, "it is named");
      t.notMatch(ended.stderr, /^ready: /m);
    }
    t.notOk(existsSync(join(here.state, "mayfly.sock")), "the socket was never opened");
    const events = await auditOf(here);
    t.same(
      events.map(({ type, code }) => [type, code]),
      [
        ["alert", "defence_broken"],
        ["alert", "defence_broken"],
      ],
    );
    t.match(events[0]?.detail, /BROKEN \(layer: /);
    t.same(processesOf(here), []);
    t.match(await mayfly(t, here, ["submit", "echo"]), { code: 2, stderr: /start_absent/ });
  },
);

t.test("a `start` that refuses has ended what a crash left alive, and launched nothing", needsBubblewrap, async (t) => {
  const credential = `{ issuer: "partner", scope: ["orders:read"], ttl: "2m", delivery: "revealed", purpose: "test" }`;
  const here = await makeProject(t, {
    config: configOf(
      { holds: `credential: ${credential}`, echo: "" },
      `issuers: { partner: issuers.jwt({ audience: "https://orders.example" }) }, scheduler: { concurrency: 1 },`,
    ),
    jobs: {
      holds:
        "await credential.fetch(); log.info('holds'); await new Promise((resolve) => setTimeout(resolve, 60_000));",
      echo: "return input;",
    },
  });
  const first = await startMayfly(t, here);
  const held = await holding(t, here);
  const { id: waiting } = await first.client.submit({ job: "echo", input: 1 });
  first.signal("SIGKILL");
  await first.ended;
  const states = async () => {
    const { store } = ledgerOf(here);
    const [run, waits, lease] = [store.run(held as RunId), store.run(waiting as RunId), store.lease(held as RunId)];
    await store.close();
    return [run?.record.state, waits?.record.state, lease?.state];
  };
  t.same(await states(), ["running", "accepted", "issued"], "there was something to end");
  const refused = await mayfly(t, here, ["start"], { env: { PATH: await hollowPath(t) } });
  t.match(refused, { code: 6, stderr: /recovered 1 runs[\s\S]*defence_broken/ });
  t.same(await states(), ["lost", "accepted", "revoked"]);
  const next = await startMayfly(t, here);
  t.match(await recordAtEnd(next.client, waiting), { state: "succeeded", result: 1 });
  next.signal("SIGTERM");
  await next.ended;
});

t.test(
  "an off switch that is used: a missing layer is waived aloud, on stderr, in the audit log and in the run",
  async (t) => {
    const here = await project(t);
    const env = { PATH: "/nowhere" };
    const started = await startMayfly(t, here, { env });
    t.match(started.stderr(), /^warning: sandbox incomplete: .*mount-tree/m);
    t.match(started.stderr(), /^\d+ defences tried, \d+ held, \d+ not armed \(.*layer: mount-tree/m);
    t.match(await auditOf(here), [{ type: "start", detail: /not armed \(.*layer: mount-tree/ }]);
    const { stdout } = await mayfly(t, here, ["submit", "echo", "--wait", "--json"]);
    const { layers } = JSON.parse(stdout) as { layers: { name: string; armed: boolean }[] };
    t.match(
      layers.find(({ name }) => name === "mount-tree"),
      { armed: false },
    );
    started.signal("SIGTERM");
    await started.ended;
  },
);

t.test("each layer that a machine may lack is told apart, and is fatal where the sandbox is required", async (t) => {
  const here = await makeProject(t, {});
  const files = await prepareExecutorFiles(join(here.directory, "cache"));
  const lacks: [what: string, layer: string, options: Partial<PoolOptions> & { noSeccomp?: string }][] = [
    [
      "bubblewrap, and so user namespaces",
      "mount-tree",
      { path: (process.env.PATH ?? "").replaceAll(/[^:]+/g, "/nowhere") },
    ],
    ["seccomp", "seccomp", { noSeccomp: "left out by the test" }],
    ["control groups", "cgroup", { cgroups: { missing: "left out by the test" } }],
  ];
  for (const [what, layer, options] of lacks) {
    const pool = makeExecutorPool({
      files,
      cgroups: options.cgroups ?? findCgroups("0000d0c7"),
      clock: systemClock,
      path: process.env.PATH ?? "",
      osSandbox: "preferred",
      owner: `test-${layer}`,
      onWarning: () => {},
      ...options,
    });
    const rows = await layerRows(pool, systemClock);
    await pool.close();
    t.match(
      rows.find(({ name }) => name === layer),
      { verdict: "not armed", hint: /./ },
      `without ${what}`,
    );
    t.same(
      rows.filter(({ verdict }) => verdict === "BROKEN"),
      [],
      "a known gap is not called broken",
    );
    t.equal(conclude(rows, "required").exitCode, 2, `without ${what}`);
    t.equal(conclude(rows, "preferred").exitCode, 0);
  }
});
