// `mayfly revoke`, and what becomes of a process whose ledger or place is taken away: the real command line, real runs
// with real tokens, and a `start` that is stopped, fenced off, or not there.
import { renameSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import t, { type Test } from "tap";
import type { RunId } from "../../runtime/model/ids.ts";
import type { Lease } from "../../runtime/model/lease.ts";
import { configOf, eventually, launch, ledgerOf, makeProject, mayfly, type Project } from "../support/cli.ts";
import { processesOf, recordAtEnd, startMayfly } from "../support/start.ts";

const credential = (ttl: string, more = "") =>
  `credential: { issuer: "partner", scope: ["orders:read"], ttl: "${ttl}", delivery: "revealed", purpose: "test"${more} }`;
const issuers = `issuers: { partner: issuers.jwt({ audience: "https://orders.example", listen: "127.0.0.1:0" }) },`;
/** Asks for its credential until it is refused, and answers with the code that it met. */
const asking = `
  await credential.fetch();
  log.info("leased");
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    try { await credential.fetch(); } catch (error) { return error.code; }
  }`;
const idling = `
  await credential.fetch();
  log.info("leased");
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  try { await credential.fetch(); return "still there"; } catch (error) { return error.code; }`;

function project(t: Test): Promise<Project> {
  const jobs = {
    asking: credential("2m"),
    other: credential("2m"),
    idling: credential("2m", `, idle: "1s"`),
    short: credential("3s"),
  };
  return makeProject(t, { config: configOf(jobs, issuers), jobs: { asking, other: asking, idling, short: asking } });
}

async function leased(here: Project, id: string): Promise<void> {
  const { store, archive } = ledgerOf(here);
  await store.close();
  await eventually(async () => (await archive.logLines(id)).find((line) => line.text === "leased"));
}

/** Rows of the registry, which is what introspection answers from. */
function activeTokens(here: Project): number {
  const { store } = ledgerOf(here);
  const { length } = store.tokens.active("partner", Date.now());
  void store.close();
  return length;
}

t.test(
  "[CRED-07] a running `start` is asked: the job sees `ended`, its run goes on, and other runs keep theirs",
  async (t) => {
    const here = await project(t);
    const { client } = await startMayfly(t, here);
    const [mine, other] = await Promise.all(["asking", "other"].map((job) => client.submit({ job, input: null })));
    for (const each of [mine, other]) await leased(here, each?.id ?? "");
    const revoked = await mayfly(t, here, ["revoke", mine?.id ?? "", "--reason", "a leak\nsays the partner", "--json"]);
    t.equal(revoked.code, 0, revoked.stderr);
    t.match(JSON.parse(revoked.stdout), [{ runId: mine?.id, state: "revoked", proof: /no active token/ }]);
    t.match(revoked.stderr, /^revoked +lease_[0-9a-f]{32} of asking at partner: /m);
    t.match(await recordAtEnd(client, mine?.id ?? ""), {
      state: "succeeded",
      result: "ended",
      lease: { state: "revoked" },
      teardown: { lease: "confirmed" },
    });
    t.equal(activeTokens(here), 1, "the other run's");
    const listed = await mayfly(t, here, ["audit", "list"]);
    t.match(
      listed.stdout,
      /lease\.revoking .*revoked: a leak\\\\u\{a\}says the partner/,
      "one line, whatever the reason",
    );

    t.match(await mayfly(t, here, ["revoke", "other"]), { code: 0, stdout: /other +partner +revoked/ });
    t.match(await recordAtEnd(client, other?.id ?? ""), { result: "ended" });
    t.match(await mayfly(t, here, ["revoke", mine?.id ?? ""]), { code: 0, stdout: /revoked/ }, "again: as it was");
  },
);

t.test("[CRED-07] a `mayfly run` in another terminal: revoked from here, and its job notices", async (t) => {
  const here = await project(t);
  const running = launch(t, here, ["run", "asking"]);
  await running.says(/^log +leased/m);
  t.match(await mayfly(t, here, ["revoke", "--all"]), { code: 0, stdout: /asking +partner +revoked/ });
  t.match(await running.ended, { code: 0, stdout: '"ended"\n' });
});

t.test("a supervisor that died: its lease is ended in place, without a `start`", async (t) => {
  const here = await project(t);
  const running = launch(t, here, ["run", "asking"]);
  await running.says(/^log +leased/m);
  running.signal("SIGKILL");
  await running.ended;
  t.equal(activeTokens(here), 1);
  t.match(await mayfly(t, here, ["revoke", "issuer:partner"]), { code: 0, stdout: /asking +partner +revoked/ });
  t.equal(activeTokens(here), 0);
});

t.test(
  "[CRED-21] an issuer that can't be had: exit 5, and each lease with its last error and its next try",
  async (t) => {
    const here = await project(t);
    const running = launch(t, here, ["run", "asking"]);
    await running.says(/^log +leased/m);
    running.signal("SIGKILL");
    await running.ended;
    const whole = `import { defineConfig, issuers } from "mayfly";\nexport default defineConfig`;
    await here.write("sandbox.config.ts", `${whole}({ jobs: { } });\n`);
    const failed = await mayfly(t, here, ["revoke", "partner", "--json"]);
    t.equal(failed.code, 5, failed.stderr);
    t.match(JSON.parse(failed.stdout), [{ state: "unconfirmed", lastError: /no issuer partner in the config/ }]);
    t.match(failed.stderr, /1 of 1 are not proven dead/);
    const listed = await mayfly(t, here, ["leases"]);
    t.match(listed.stdout, /unconfirmed +\S+Z +\d{4}-\S+Z +there is no issuer partner/);
    t.match(listed.stderr, /1 not proven dead/);
    const [lease] = JSON.parse((await mayfly(t, here, ["leases", "--json"])).stdout) as (Lease & {
      irrevocable: boolean;
    })[];
    t.match(lease, { irrevocable: false, attempts: 4, nextAttemptAt: Number });

    await here.write("sandbox.config.ts", `${whole}({ ${issuers} jobs: {} });\n`);
    t.match(await mayfly(t, here, ["revoke", lease?.id ?? ""]), { code: 0, stdout: /revoked/ });
  },
);

t.test("names that are none: exit 2, and the nearest one", async (t) => {
  const here = await project(t);
  const wanted: [string[], RegExp][] = [
    [["askin"], /lease_unknown[\s\S]*did you mean asking\?/],
    [["partnr"], /did you mean partner\?/],
    [["issuer:asking"], /lease_unknown/],
    [["run_00000000000000000000000000000000"], /lease_unknown/],
    [["lease_00000000000000000000000000000000"], /lease_unknown/],
    [["../../etc"], /lease_unknown/],
    [[], /usage[\s\S]*--all/],
    [["asking", "--all"], /usage/],
  ];
  for (const [args, stderr] of wanted)
    t.match(await mayfly(t, here, ["revoke", ...args]), { code: 2, stdout: "", stderr }, args.join(" "));
  t.match(await mayfly(t, here, ["revoke", "asking"]), { code: 0, stdout: "", stderr: /nothing to revoke/ });
  t.match(await mayfly(t, here, ["revoke", "--all", "--json"]), { code: 0, stdout: "[]\n" });
});

t.test("a job and an issuer of one name are told apart by a word before it", async (t) => {
  const here = await makeProject(t, {
    config: configOf({ partner: credential("2m") }, issuers),
    jobs: { partner: asking },
  });
  const both = await mayfly(t, here, ["revoke", "partner"]);
  t.match(both, { code: 2, stderr: /job:partner or issuer:partner/ });
  for (const name of ["job:partner", "issuer:partner"]) t.equal((await mayfly(t, here, ["revoke", name])).code, 0);
});

t.test("[CRED-08] a lease that lies idle is ended while its run goes on; one that expires is `expired`", async (t) => {
  const here = await project(t);
  t.match(await mayfly(t, here, ["run", "idling"]), { code: 0, stdout: '"ended"\n' });
  t.match(await mayfly(t, here, ["run", "short"]), { code: 0, stdout: '"expired"\n' });
  t.equal(activeTokens(here), 0);
});

// ─── A place that is taken away ────────────────────────────────────────────────────────────────────────────────────

const thefts: Record<string, (here: Project) => void> = {
  "whose row another process took away": (here) => {
    const db = new DatabaseSync(join(here.state, "ledger.db"));
    db.exec("UPDATE owners SET fence = 0");
    db.close();
  },
  "whose ledger was moved": (here) => renameSync(join(here.state, "ledger.db"), join(here.state, "moved.db")),
};

for (const [what, steal] of Object.entries(thefts)) {
  t.test(
    `[CRASH-07] a \`start\` ${what}: its runs are ended, its leases too, the operator is told, exit 6`,
    async (t) => {
      const here = await project(t);
      const started = await startMayfly(t, here);
      const { id } = await started.client.submit({ job: "asking", input: null });
      await leased(here, id);
      steal(here);
      const ended = await started.ended;
      t.equal(ended.code, 6, ended.stderr);
      t.match(ended.stderr, /warning: this process may begin nothing more[\s\S]*fenced/);
      t.same(processesOf(here), []);
      if (what.includes("moved")) renameSync(join(here.state, "moved.db"), join(here.state, "ledger.db"));
      t.equal(activeTokens(here), 0);
      const { store } = ledgerOf(here);
      t.match(store.lease(id as RunId), { state: "revoked" });
      t.ok(store.auditEntries(1, 100).some(({ event }) => event.type === "alert" && event.code === "fenced"));
      await store.close();
      const next = await startMayfly(t, here);
      t.match(next.stderr(), /ready/);
    },
  );
}

t.test("[CRASH-07] a `mayfly run` that is fenced off: exit 6, and its credential is dead", async (t) => {
  const here = await project(t);
  const running = launch(t, here, ["run", "asking"]);
  await running.says(/^log +leased/m);
  const db = new DatabaseSync(join(here.state, "ledger.db"));
  db.exec("DELETE FROM owners");
  db.close();
  t.match(await running.ended, { code: 6, stderr: /fenced/ });
  t.equal(activeTokens(here), 0);
  t.same(processesOf(here), []);
});

t.test(
  "[CRASH-07] a `start` that is stopped while its run's time passes: on its return the run and its lease end at once",
  async (t) => {
    const here = await makeProject(t, {
      config: configOf({ late: `${credential("2m")}, limits: { wall: "2s" }` }, issuers),
      jobs: { late: asking },
    });
    const started = await startMayfly(t, here);
    const { id } = await started.client.submit({ job: "late", input: null });
    await leased(here, id);
    started.signal("SIGSTOP");
    t.teardown(() => started.signal("SIGCONT"));
    const { store } = ledgerOf(here);
    const launchedAt = Date.parse(store.run(id as RunId)?.record.startedAt ?? "");
    await eventually(() => (Date.now() > launchedAt + 4_000 ? true : undefined));
    t.equal(store.tokens.active("partner", Date.now()).length, 1, "nobody could end it");
    started.signal("SIGCONT");
    const lease = await eventually(() => {
      const found = store.lease(id as RunId);
      return found?.state === "revoked" ? found : undefined;
    });
    t.ok(lease.revokedAt !== null && lease.revokedAt < lease.expiresAt);
    t.same(store.tokens.active("partner", Date.now()), []);
    t.match(await recordAtEnd(started.client, id), { state: "limit", error: { code: "timeout" } });
    await store.close();
  },
);
