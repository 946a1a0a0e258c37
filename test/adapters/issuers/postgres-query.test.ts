// The job's queries with a leased role: what they may do, what they give back, and where they are stopped.
import assert from "node:assert/strict";
import { Client } from "pg";
import t, { type Test } from "tap";
import { makePostgresIssuer } from "../../../runtime/adapters/issuers/postgres.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { runIdDigits } from "../../../runtime/model/ids.ts";
import type { QueryRequest } from "../../../runtime/ports/credential-issuer.ts";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { startPostgres } from "../../../runtime/testkit/postgres-server.ts";

const never = new AbortController().signal;
const server = await startPostgres();
const admin = new Client({ connectionString: server.adminUrl });
await admin.connect();
await admin.query(`
  CREATE TABLE public.sales (id int PRIMARY KEY, region text UNIQUE, cents bigint);
  INSERT INTO public.sales SELECT n, 'r' || n, n * 100 FROM generate_series(1, 1000) n;
`);
t.teardown(async () => {
  await admin.end();
  await server.stop();
});

const bounds = { write: false, rowsMax: 1_000, bytesMax: 1_000_000, timeMs: 20_000 };

async function open(t: Test) {
  const parts = { name: "w", adminUrl: server.adminUrl, installation: "0a1b2c3d", clientKey: null };
  const issuer = makePostgresIssuer({
    ...{ ...parts, clock: systemClock, random: systemRandom },
    transport: { ca: null, client: null, plaintext: false },
  });
  const lease = newLease();
  const order = { lease, job: "j", tenant: "t", purpose: "p", scope: ["select,insert,update:public.sales"] };
  const issue = () => issuer.issue({ ...order, expiresAt: systemClock.nowMs() + 60_000 }, never);
  let { secret } = await issue();
  const role = `mayfly_0a1b2c3d_${runIdDigits(lease.runId)}`;
  t.teardown(async () => {
    await issuer.revoke(lease, never);
    await issuer.close();
    assert.equal((await sessionsOf(role)).length, 0, "no session is left");
  });
  const query = async (sql: string, params: QueryRequest["params"] = [], changes = {}, signal = never) => {
    if (issuer.query === undefined) throw new Error("the issuer has no query");
    return issuer.query(lease, secret, { ...bounds, ...changes, sql, params }, signal);
  };
  return {
    issuer,
    lease,
    role,
    query,
    reissue: async () => {
      ({ secret } = await issue());
    },
    one: async (sql: string) => (await query(sql)).rows[0]?.[0],
  };
}

async function sessionsOf(role: string): Promise<{ pid: number; state: string }[]> {
  const { rows } = await admin.query("SELECT pid, state FROM pg_stat_activity WHERE usename = $1", [role]);
  return rows;
}

t.test("rows and columns come back in order, also when two columns have one name", async (t) => {
  const { query } = await open(t);
  const sql = "SELECT id, region, id FROM public.sales WHERE cents < $1 AND region <> $2 ORDER BY id";
  t.strictSame(await query(sql, [400, "r2"]), {
    columns: ["id", "region", "id"],
    rows: [
      [1, "r1", 1],
      [3, "r3", 3],
    ],
  });
  t.strictSame(await query("SELECT id FROM public.sales WHERE false"), { columns: ["id"], rows: [] });
  t.strictSame(await query("SELECT $1::text, $2::bool, $3::text", [null, true, "ü"]).then(({ rows }) => rows), [
    [null, true, "ü"],
  ]);
});

t.test("values become JSON without losing digits", async (t) => {
  const { query } = await open(t);
  const cases: [string, unknown][] = [
    ["9007199254740993::bigint", "9007199254740993"],
    ["0.1000::numeric", "0.1000"],
    ["2147483647", 2147483647],
    ["0.1::float8", 0.1],
    ["'NaN'::float8", "NaN"],
    ["true", true],
    ["'2026-11-23'::date", "2026-11-23"],
    ["'2026-11-23 08:15:00.5'::timestamp", "2026-11-23T08:15:00.5"],
    ["'2026-11-23 08:15:00.5+02'::timestamptz", "2026-11-23T06:15:00.5Z"],
    ["'infinity'::timestamptz", "infinity"],
    ["'\\x00ff10'::bytea", "AP8Q"],
    ["'{\"a\": [1, null]}'::jsonb", { a: [1, null] }],
    ["ARRAY[1,2]", "{1,2}"],
    ["to_json(ARRAY[1,2])", [1, 2]],
    ["'6f2c6c2e-0000-4000-8000-000000000000'::uuid", "6f2c6c2e-0000-4000-8000-000000000000"],
  ];
  await query("SET timezone = 'Asia/Tokyo'");
  await query("SET datestyle = 'German'");
  for (const [sql, value] of cases) t.strictSame((await query(`SELECT ${sql}`)).rows, [[value]], sql);
});

t.test("a read-only query can't write, and can't talk its way out of read-only", async (t) => {
  const { query } = await open(t);
  const insert = "INSERT INTO public.sales VALUES (5000, 'x', 1)";
  await t.rejects(query(insert), { code: "query_failed", message: /^25006/ });
  await t.rejects(query("SET TRANSACTION READ WRITE"), { code: "query_failed", message: /^25001/ });
  await t.rejects(query("BEGIN READ WRITE"), { code: "query_failed" });
  await t.rejects(query("SELECT set_config('transaction_read_only', 'off', false)"), { code: "query_failed" });
  await t.rejects(query(`COMMIT; ${insert}`), { code: "query_failed", message: /^42601/ }, "one statement, not two");
  await t.rejects(query(`DO $$ BEGIN COMMIT; ${insert}; END $$`), { code: "query_failed" });
  for (const sql of ["COMMIT", "COMMIT AND CHAIN", "ROLLBACK", "SET default_transaction_read_only = off"]) {
    await query(sql).catch(() => {});
    await t.rejects(query(insert), { code: "query_failed", message: /^25006/ }, `after ${sql}`);
  }
});

t.test("a query that may write does, and one that fails changes nothing", async (t) => {
  const { query, one } = await open(t);
  const write = { write: true };
  t.strictSame(await query("INSERT INTO public.sales VALUES (5000, 'x', 1)", [], write), { columns: [], rows: [] });
  t.strictSame((await query("UPDATE public.sales SET cents = 2 WHERE id = 5000 RETURNING cents", [], write)).rows, [
    ["2"],
  ]);
  await t.rejects(query("UPDATE public.sales SET cents = 3, id = 1 / (id - 5000) WHERE id >= 5000", [], write));
  t.equal(await one("SELECT cents FROM public.sales WHERE id = 5000"), "2");
});

t.test("the server's message comes back, without the detail that shows other rows", async (t) => {
  const { query } = await open(t);
  const clash = query("INSERT INTO public.sales VALUES (6000, 'r7', 1)", [], { write: true });
  const error = await clash.then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  t.match(error, { code: "query_failed", message: /^23505: duplicate key value/ });
  t.notMatch(error?.message, /r7/);
  await t.rejects(query("SELEC 1"), { code: "query_failed", message: /^42601/ });
  await t.rejects(query("SELECT * FROM pg_authid"), { code: "query_failed", message: /^42501/ });
  await t.rejects(query("SELECT $1::int", ["x\n\u001b[31m"]), { message: /\\u\{1b\}/ }, "on one line, escaped");
});

t.test("as many rows as allowed pass, one more doesn't", async (t) => {
  const { query } = await open(t);
  for (const rowsMax of [1, 200, 201, 400]) {
    const sql = "SELECT id FROM public.sales ORDER BY id LIMIT $1";
    t.equal((await query(sql, [rowsMax], { rowsMax })).rows.length, rowsMax);
    await t.rejects(query(sql, [rowsMax + 1], { rowsMax }), { code: "query_limit" }, `${rowsMax} + 1`);
  }
});

t.test("as many bytes as allowed pass, one more doesn't", async (t) => {
  const { query } = await open(t);
  const sql = "SELECT repeat('x', $1)"; // as JSON with its line: ["…"] and 1
  t.equal((await query(sql, [95], { bytesMax: 100 })).rows.length, 1);
  await t.rejects(query(sql, [96], { bytesMax: 100 }), { code: "query_limit" });
});

t.test("one value of 200 MB is cut on the wire", async (t) => {
  const { query, one } = await open(t);
  const before = process.memoryUsage.rss();
  await t.rejects(query("SELECT repeat('x', 200000000)"), { code: "query_limit" });
  t.ok(process.memoryUsage.rss() - before < 100_000_000, "it was not taken in");
  t.equal(await one("SELECT 1"), 1, "the next query has a new session");
});

t.test("a value nested too deeply for JSON is a failure of the query, not of the supervisor", async (t) => {
  const { query } = await open(t);
  const deep = "SELECT (repeat('[', 5000) || repeat(']', 5000))::json";
  const outcome = await query(deep).then(
    ({ rows }) => JSON.stringify(rows).length > 10_000,
    (error: { code: string }) => error.code === "query_failed",
  );
  t.equal(outcome, true);
});

t.test("a query that takes too long is ended at the server", async (t) => {
  const { query, role, one } = await open(t);
  await t.rejects(query("SELECT pg_sleep(60)", [], { timeMs: 100 }), { code: "query_limit", message: /100 ms/ });
  t.equal((await sessionsOf(role)).filter(({ state }) => state === "active").length, 0);
  // Each portion is quick enough for the server's own clock; all together aren't.
  const slow = "SELECT pg_sleep(0.0005) FROM generate_series(1, 1000000)";
  await t.rejects(query(slow, [], { timeMs: 1_000, rowsMax: 1_000_000, bytesMax: 1e9 }), { code: "query_limit" });
  t.equal((await sessionsOf(role)).length, 0);
  await query("SET statement_timeout = 0");
  await t.rejects(query("SELECT pg_sleep(60)", [], { timeMs: 100 }), { code: "query_limit" }, "whatever the job sets");
  t.equal(await one("SELECT 1"), 1);
});

t.test("a caller that gives up ends the query at the server", async (t) => {
  const { query, role } = await open(t);
  const giveUp = new AbortController();
  const sleeping = query("SELECT pg_sleep(60)", [], {}, giveUp.signal);
  while (!(await sessionsOf(role)).some(({ state }) => state === "active"));
  giveUp.abort();
  await t.rejects(sleeping, { code: "issuer_unavailable" });
  t.equal((await sessionsOf(role)).length, 0);
  await t.rejects(query("SELECT 1", [], {}, giveUp.signal), { code: "issuer_unavailable" });
});

t.test("a revocation cuts a query under way, and what waits behind it gets nothing", async (t) => {
  const { issuer, lease, query, role } = await open(t);
  const sleeping = query("SELECT pg_sleep(60)");
  const waiting = query("SELECT 1");
  const both = Promise.allSettled([sleeping, waiting]);
  while (!(await sessionsOf(role)).some(({ state }) => state === "active"));
  await issuer.revoke(lease, never);
  for (const outcome of await both) t.equal(outcome.status, "rejected");
  t.match(await issuer.prove(lease, undefined, never), { verdict: "dead" });
  await t.rejects(query("SELECT 1"), { code: "issuer_refused" });
});

t.test("the sessions of a lease can be ended apart from the lease", async (t) => {
  const { issuer, lease, one, role } = await open(t);
  await one("SELECT 1");
  t.equal((await sessionsOf(role)).length, 1);
  await issuer.endSessions?.(lease);
  await issuer.endSessions?.(lease);
  t.equal((await sessionsOf(role)).length, 0);
});

t.test("one session serves a lease's queries, one after another, and names the run", async (t) => {
  const { query, role, reissue, one } = await open(t);
  const sql = "SELECT pg_backend_pid(), current_setting('application_name'), session_user";
  const answers = await Promise.all([1, 2, 3, 4].map(() => query(sql)));
  t.equal(new Set(answers.map(({ rows }) => rows[0]?.[0])).size, 1);
  t.strictSame(answers[0]?.rows[0]?.slice(1), [role, role]);
  await reissue();
  t.not(await one("SELECT pg_backend_pid()"), answers[0]?.rows[0]?.[0], "a new secret, a new session");
});

t.test("statements that are no queries neither crash nor hang us", async (t) => {
  const { query, one } = await open(t);
  for (const sql of [
    "COPY public.sales TO STDOUT",
    "COPY public.sales FROM STDIN",
    "/**/ COPY public.sales TO STDOUT",
  ]) {
    await t.rejects(query(sql, [], { write: true }), { code: "query_failed" }, sql);
    t.equal(await one("SELECT 1"), 1);
  }
  for (const sql of [
    "",
    ";",
    "-- nothing",
    "LISTEN x",
    "NOTIFY x",
    "DISCARD ALL",
    "SHOW timezone",
    "EXPLAIN SELECT 1",
  ]) {
    await query(sql, [], { write: true }).catch((error: { code: string }) => t.equal(error.code, "query_failed", sql));
    t.equal(await one("SELECT 1"), 1, sql);
  }
  await t.rejects(query("SELECT $1", []), { code: "query_failed" }, "a parameter that isn't there");
  await t.rejects(query("SELECT 1", [1, 2]), { code: "query_failed" }, "one too many");
  t.equal(await one("SELECT 1"), 1);
});

t.test("a session that the server ended is a failure once, then a new session", async (t) => {
  const { query, one, role } = await open(t);
  const sleeping = query("SELECT pg_sleep(60)");
  const cut = t.rejects(sleeping, { code: "issuer_unavailable" });
  let pid: number | undefined;
  while (pid === undefined) pid = (await sessionsOf(role)).find(({ state }) => state === "active")?.pid;
  await admin.query("SELECT pg_terminate_backend($1, 2000)", [pid]);
  await cut;
  t.equal(await one("SELECT 1"), 1);
});
