// `mayfly replay` in a project of its own: the recorded bundle, the job as it is now, another module; exports; keys that were
// rotated, and those of another installation; what the audit has of it.
import { cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { ReplayReport } from "../../runtime/core/recording/report.ts";
import { configOf, ledgerOf, makeProject, mayfly, type Project, recordOf } from "../support/cli.ts";
import { filesOf, rotate } from "../support/keys.ts";

const answer = "orders of the day, canary-93c0aa";

async function server(t: Test): Promise<{ url: string; requests: () => number; close(): void }> {
  let requests = 0;
  const at = createServer((request, response) => {
    requests += 1;
    response.end(request.url === "/orders" ? answer : "else");
  });
  await new Promise<void>((resolve) => at.listen(0, "127.0.0.1", resolve));
  const close = () => {
    at.closeAllConnections();
    at.close();
  };
  t.teardown(close);
  return { url: `http://127.0.0.1:${(at.address() as AddressInfo).port}`, requests: () => requests, close };
}

const job = (path: string) => `import { defineJob } from "mayfly";

export default defineJob(async ({ input, log }) => {
  const response = await fetch(input + "/orders");
  const text = await response.text();
  log.info("got", { bytes: text.length, chance: Math.random() });
  await fetch(
    input + "${path}",
  ).catch((error) => log.warn(error.code));
  return { bytes: text.length, text };
});
`;

const network = (url: string) => `network: { allow: ["GET ${url}/*"], privateAddresses: ["127.0.0.0/8"] }`;

async function recorded(
  t: Test,
): Promise<{ here: Project; id: string; url: string; at: Awaited<ReturnType<typeof server>> }> {
  const at = await server(t);
  const config = configOf({ orders: `record: true, ${network(at.url)}`, plain: network(at.url) });
  const here = await makeProject(t, { config, jobs: { orders: job("/more"), plain: job("/more") } });
  const ended = await mayfly(t, here, ["run", "orders", "--input", JSON.stringify(at.url), "--json"]);
  t.equal(ended.code, 0, ended.stderr);
  const record = recordOf(ended);
  t.match(record, { state: "succeeded", recording: { cut: null } });
  t.match(ended.stderr, new RegExp(`recorded +\\d+ bytes; mayfly replay ${record.id}`));
  return { here, id: record.id, url: at.url, at };
}

async function report(t: Test, here: Project, args: string[]): Promise<ReplayReport & { code: number | null }> {
  const ended = await mayfly(t, here, ["replay", ...args, "--json"]);
  t.not(ended.stdout, "", ended.stderr);
  return { ...(JSON.parse(ended.stdout) as ReplayReport), code: ended.code };
}

t.test("a run replayed: the same, without its server; the audit says who looked before it was opened", async (t) => {
  const { here, id, at } = await recorded(t);
  at.close();
  const people = await mayfly(t, here, ["replay", id]);
  t.equal(people.code, 0, people.stderr);
  t.match(people.stdout, new RegExp(`^same +${id} of orders: 2 of 2 recorded calls were made again`));
  t.match(people.stdout, /bundle +the recorded one\nending +succeeded\nresult +the same\nlogs +the same \(1 lines\)/);
  t.match(people.stderr, /info +got bytes=32 chance=0\.\d+/);
  t.equal(at.requests(), 2);
  t.match(await report(t, here, [id]), {
    code: 0,
    verdict: "same",
    run: id,
    job: "orders",
    calls: { recorded: 2, matched: 2 },
  });
  const { store } = ledgerOf(here);
  const entries = store.auditEntries(1, 1_000).filter(({ event }) => event.type === "recording.opened");
  t.match(entries, [
    { event: { runId: id, job: "orders", detail: "replayed" } },
    { event: { runId: id, job: "orders", detail: "replayed" } },
  ]);
  t.equal(store.runs(10).length, 1, "a replay is no run");
  t.same(store.openLeases(), []);
  await store.close();
  t.match(await mayfly(t, here, ["audit", "verify"]), { code: 0 });
  t.match((await mayfly(t, here, ["run-show", id])).stdout, new RegExp(`recording +\\d+ bytes\n +mayfly replay ${id}`));
});

t.test("the job as it is now, and another module: the call that is another, at the author's own line", async (t) => {
  const { here, id } = await recorded(t);
  t.match(await report(t, here, [id, "--current"]), { code: 0, verdict: "same" }, "it is what it was");
  await here.write("jobs/orders.ts", job("/elsewhere"));
  const now = await report(t, here, [id, "--current"]);
  t.match(now, {
    code: 1,
    verdict: "diverged",
    divergence: {
      kind: "not recorded",
      made: { operation: "http.request", target: /GET .*\/elsewhere/ },
      recorded: { target: /GET .*\/more/ },
      source: { file: "jobs/orders.ts", line: 7, sourceLine: /await fetch\(/ },
    },
    logs: { same: false, first: { line: 2, recorded: null, replayed: "warn replay_diverged" } },
    result: { same: true },
  });
  t.not(now.bundle.recorded, now.bundle.replayed);
  t.match(await report(t, here, [id]), { code: 0, verdict: "same" }, "the recorded bundle still is");
  await here.write("jobs/other.ts", job("/third").replace("bytes: text.length, text", "bytes: 1, text"));
  const people = await mayfly(t, here, ["replay", id, "--job-file", "jobs/other.ts"]);
  t.equal(people.code, 1);
  for (const line of [
    /^diverged +run_/,
    /diverged +at 2 calls, first at this: not recorded/,
    /made +http\.request GET .*\/third\n +at jobs\/other\.ts:7:\d+\n +> await fetch\(/,
    /recorded +http\.request GET .*\/more/,
    /\/url\n +- "http.*\/more"\n +\+ "http.*\/third"/,
    /then +it failed with replay_diverged; later calls that are in the recording were answered/,
    /result +differs\n +\/bytes\n +- 32\n +\+ 1/,
  ])
    t.match(people.stdout, line);
  t.match(await mayfly(t, here, ["replay", id, "--job-file", "jobs/none.ts"]), { code: 2, stderr: /job_missing/ });
  await here.write("jobs/orders.ts", "export default (");
  t.match(await mayfly(t, here, ["replay", id, "--current"]), { code: 1, stderr: /bundle_failed/ });
});

t.test("what is asked wrongly, and what isn't there", async (t) => {
  const { here, id, url } = await recorded(t);
  const plain = recordOf(await mayfly(t, here, ["run", "plain", "--input", JSON.stringify(url), "--json"]));
  t.notOk("recording" in plain);
  const wrong: [args: string[], stderr: RegExp][] = [
    [[plain.id], /was not recorded[\s\S]*record: true/],
    [[`run_${"0".repeat(32)}`], /run_unknown/],
    [["run_x"], /there is no such recording/],
    [[id, "--current", "--job-file", "jobs/orders.ts"], /--job-file and --current were given/],
    [[id, "--clear"], /--export <file> --clear/],
    [[id, "--export", "x", "--current"], /--current and --export/],
    [["sandbox.config.ts"], /that is no recording/],
  ];
  for (const [args, stderr] of wrong)
    t.match(await mayfly(t, here, ["replay", ...args]), { code: 2, stderr }, args.join(" "));
  t.notOk(existsSync(join(here.directory, "x")));
});

t.test("no byte of an answer lies on the disk; exported in the clear it does, for who asked for that", async (t) => {
  const { here, id } = await recorded(t);
  const holders = () => filesOf(here).filter(([, bytes]) => bytes.includes("orders of the day"));
  t.same(
    holders()
      .map(([path]) => path)
      .filter((path) => !path.includes("ledger.db")),
    [],
    "but for the ledger, whose record has the result",
  );
  const sealed = await mayfly(t, here, ["replay", id, "--export", "a.recording"]);
  t.match(sealed, { code: 0, stderr: /sealed with this installation's keys/ });
  const clear = await mayfly(t, here, ["replay", id, "--export", "b.recording", "--clear"]);
  t.match(clear, { code: 0, stderr: /not encrypted, and holds what servers and files answered/ });
  const [a, b] = ["a.recording", "b.recording"].map((name) => join(here.directory, name)) as [string, string];
  for (const path of [a, b]) t.equal(statSync(path).mode & 0o777, 0o600);
  t.notOk(readFileSync(a).includes("orders of the day"));
  t.ok(readFileSync(b).includes("orders of the day"), "the twin");
  for (const path of [a, b]) t.match(await report(t, here, [path]), { code: 0, verdict: "same", run: id });
  t.match(await mayfly(t, here, ["replay", id, "--export", "a.recording"]), { code: 2, stderr: /is there already/ });
  const lines = readFileSync(b, "utf8").split("\n");
  writeFileSync(b, lines.slice(0, -6).join("\n"));
  t.match(await report(t, here, [b]), { code: 1, cut: "it ends before its run does" });
});

t.test("keys that were rotated open what was recorded before; those of another installation don't", async (t) => {
  const { here, id } = await recorded(t);
  await rotate(t, here);
  await rotate(t, here);
  t.match(await report(t, here, [id]), { code: 0, verdict: "same" });
  const other = await recorded(t);
  const place = (project: Project, run: string) => join(project.state, "recordings", `${run}.recording`);
  cpSync(place(here, id), place(other.here, other.id));
  t.match(await mayfly(t, other.here, ["replay", other.id]), { code: 2, stderr: /sealed_invalid/ });
  rmSync(place(other.here, other.id));
  t.match(await mayfly(t, other.here, ["replay", other.id]), { code: 2, stderr: /recording_unknown/ });
});
