// The commands that only look: `runs`, `run-show`, `leases`, `audit`, `check`, `doctor`. Their JSON is relied upon, and
// what they read may be damaged.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import t, { type Test } from "tap";
import { configOf, makeProject, mayfly, type Project, recordOf } from "../support/cli.ts";

async function projectWithRuns(t: Test): Promise<{ project: Project; id: string }> {
  const project = await makeProject(t, {
    config: configOf(
      {
        leased: `credential: { issuer: "partner", scope: ["orders:read"], ttl: "2m", delivery: "revealed", purpose: "test" }`,
        bad: "",
      },
      `issuers: { partner: issuers.jwt({ audience: "https://orders.example", listen: "127.0.0.1:0" }) },`,
    ),
    jobs: {
      leased: `await credential.fetch(); await files.write("/output/a.txt", "abc"); log.info("a\\nline"); return 1;`,
      bad: `await fetch("http://127.0.0.1:9/").catch(() => {}); throw new Error("no");`,
    },
  });
  const { id } = recordOf(await mayfly(t, project, ["run", "leased", "--json"]));
  await mayfly(t, project, ["run", "bad"]);
  return { project, id };
}

t.test("what was run can be read, by people and by programs, newest first", async (t) => {
  const { project, id } = await projectWithRuns(t);
  const json = async (...args: string[]) => JSON.parse((await mayfly(t, project, [...args, "--json"])).stdout);

  t.match(await json("runs"), [
    { job: "bad", state: "failed", denials: [{ capability: "http.request" }] },
    { id, job: "leased", state: "succeeded" },
  ]);
  t.equal((await json("runs", "--limit", "1")).length, 1);
  t.match(await mayfly(t, project, ["runs"]), {
    code: 0,
    stdout: /ID +JOB +STATE[\s\S]*bad +failed[\s\S]*leased +succeeded/,
  });

  t.match(await json("run-show", id), { id, result: 1, lease: { state: "revoked" }, outputs: [{ path: "a.txt" }] });
  const shown = await mayfly(t, project, ["run-show", id]);
  t.match(shown.stdout, /lease +partner: revoked[\s\S]*output +.*a\.txt[\s\S]*log +.*info/);
  t.notMatch(shown.stdout, /^line/m, "a job's text stays on its line");

  const [lease] = await json("leases");
  t.match(lease, {
    runId: id,
    issuer: "partner",
    state: "revoked",
    scope: ["orders:read"],
    purpose: "test",
    proof: /./,
  });
  t.match(await mayfly(t, project, ["leases"]), { code: 0, stdout: /ID +JOB +ISSUER +STATE[\s\S]*revoked/ });

  t.match(await json("audit", "verify"), { ok: true, entries: /\d+/ });
  const listed = await mayfly(t, project, ["audit", "list", "--json"]);
  const entries = listed.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  t.same(
    entries.map(({ seq }) => seq),
    entries.map((_, index) => index + 1),
  );
  const types = entries.filter(({ event }) => event.runId === id).map(({ event }) => event.type);
  const order = [
    "run.accepted",
    "run.launched",
    "lease.intended",
    "lease.issued",
    "lease.revoking",
    "lease.revoked",
    "run.ended",
  ];
  t.same(
    types.filter((type) => order.includes(type)),
    order,
  );
  const from = await mayfly(t, project, ["audit", "list", "--from", String(entries.length)]);
  t.equal(from.stdout.trim().split("\n").length, 1);
});

t.test("what isn't there, and what is no number: exit 2 and the way out", async (t) => {
  const project = await makeProject(t, { config: configOf({ a: "" }), jobs: { a: "return 1;" } });
  const wanted: [string[], RegExp][] = [
    [["run-show", "run_00000000000000000000000000000000"], /run_unknown[\s\S]*mayfly runs/],
    [["run-show", "../../etc/passwd"], /run_unknown/],
    [["runs", "--limit", "0"], /usage[\s\S]*1 to 10000/],
    [["leases", "--limit", "many"], /usage/],
    [["audit", "list", "--from", "-1"], /usage/],
  ];
  for (const [args, stderr] of wanted) t.match(await mayfly(t, project, args), { code: 2, stdout: "", stderr });
  t.match(await mayfly(t, project, ["runs", "--json"]), { code: 0, stdout: "[]\n" });
});

t.test("a log that was altered: exit 6, and the entry is named", async (t) => {
  const { project } = await projectWithRuns(t);
  t.match(await mayfly(t, project, ["audit", "verify"]), { code: 0, stdout: /^\d+ entries, unbroken\n$/ });
  const db = new DatabaseSync(join(project.state, "ledger.db"));
  db.exec("DROP TRIGGER audit_no_update; UPDATE audit SET event = replace(event, 'leased', 'other') WHERE seq = 2");
  db.close();
  const found = await mayfly(t, project, ["audit", "verify"]);
  t.match(found, { code: 6, stdout: "", stderr: /entry 2 was altered[\s\S]*audit_invalid[\s\S]*evidence/ });
  const json = await mayfly(t, project, ["audit", "verify", "--json"]);
  t.equal(json.code, 6);
  t.match(json.stdout, /"seq": 2/);
});

t.test("a ledger that is none: exit 6, store_corrupt, and nothing is started or overwritten", async (t) => {
  const { project } = await projectWithRuns(t);
  for (const suffix of ["-wal", "-shm"]) writeFileSync(join(project.state, `ledger.db${suffix}`), "");
  writeFileSync(join(project.state, "ledger.db"), "no ledger ".repeat(1_000));
  for (const args of [["run", "bad"], ["start", "--allow-missing-sandbox"], ["runs"], ["audit", "verify"]]) {
    const ended = await mayfly(t, project, args);
    t.match(
      ended,
      { code: 6, stdout: "", stderr: /store_corrupt[\s\S]*never start from an empty one/ },
      args.join(" "),
    );
  }
});

t.test("check: all jobs are built and none is run; one that doesn't build is named, exit 2", async (t) => {
  const project = await makeProject(t, {
    config: configOf({ good: "", bad: "" }),
    jobs: { good: "return 1;", bad: "export default 'x" },
  });
  const ended = await mayfly(t, project, ["check", "--json"]);
  t.equal(ended.code, 2);
  t.match(JSON.parse(ended.stdout), {
    config: /sandbox\.config\.ts$/,
    jobs: [
      { job: "good", ok: true, digest: /^sha256:/, bytes: Number },
      { job: "bad", ok: false, error: { code: "bundle_failed", message: /bad\.ts:1/ } },
    ],
  });
  await project.write("jobs/bad.ts", `import { defineJob } from "mayfly"; export default defineJob(() => 1);`);
  t.match(await mayfly(t, project, ["check"]), { code: 0, stderr: /ok +bad/ });
});

t.test("doctor: every row says what it is, whether it holds and how that was found", async (t) => {
  const project = await makeProject(t, { config: configOf({}, `executor: { osSandbox: "preferred" },`) });
  const { code, stdout, stderr } = await mayfly(t, project, ["doctor", "--json"]);
  const { rows } = JSON.parse(stdout) as { rows: { kind: string; name: string; armed: boolean; how: string }[] };
  for (const row of rows) t.match(row, { kind: /^(version|layer|limit)$/, name: /./, armed: Boolean, how: /./ });
  t.same(new Set(rows.map(({ kind }) => kind)), new Set(["version", "layer", "limit"]));
  t.ok(
    rows.filter(({ kind }) => kind === "limit").every(({ armed }) => armed),
    stderr,
  );
  t.equal(code, 0, stderr);
});
