// The PostgreSQL issuer on a real server: the contract, and what databases do beyond it.
import { Client } from "pg";
import t, { type Test } from "tap";
import { makePostgresIssuer } from "../../../runtime/adapters/issuers/postgres.ts";
import { quoteIdentifier } from "../../../runtime/adapters/issuers/postgres-scope.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { runIdDigits } from "../../../runtime/model/ids.ts";
import type { CredentialIssuer, LeaseRef } from "../../../runtime/ports/credential-issuer.ts";
import { startFaultyProxy } from "../../../runtime/testkit/faulty-proxy.ts";
import { issuerContract, issuerLaws, type Misbehaviour, newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { startPostgres } from "../../../runtime/testkit/postgres-server.ts";

const installation = "0a1b2c3d";
const adminSessions = "FROM pg_stat_activity WHERE application_name = 'mayfly issuer warehouse'";
const signal = new AbortController().signal;
const server = await startPostgres();
const admin = new Client({ connectionString: server.adminUrl });
admin.on("error", () => {});
await admin.connect();
await admin.query(`
  CREATE TABLE public.sales (id int PRIMARY KEY, region text, cents bigint);
  INSERT INTO public.sales SELECT n, 'r' || n % 4, n * 100 FROM generate_series(1, 1000) n;
  CREATE TABLE public.secrets (word text); INSERT INTO public.secrets VALUES ('hidden');
  CREATE ROLE limited LOGIN CREATEROLE PASSWORD 'limited';
  CREATE TABLE public.owned (id int); ALTER TABLE public.owned OWNER TO limited;
  GRANT USAGE ON SCHEMA public TO limited WITH GRANT OPTION;
`);
await admin.query("CREATE DATABASE other");
t.teardown(async () => {
  await admin.end();
  await server.stop();
});

function openIssuer(adminUrl = server.adminUrl, installed = installation): CredentialIssuer {
  return makePostgresIssuer({
    name: "warehouse",
    adminUrl,
    transport: { ca: null, client: null, plaintext: false },
    clientKey: null,
    installation: installed,
    clock: systemClock,
    random: systemRandom,
  });
}

const roleOf = (lease: LeaseRef): string => `mayfly_${installation}_${runIdDigits(lease.runId)}`;

async function login(lease: LeaseRef, secret: string, database = "postgres"): Promise<Client> {
  const { port } = new URL(server.adminUrl);
  const client = new Client({ host: "127.0.0.1", port: Number(port), user: roleOf(lease), password: secret, database });
  client.on("error", () => {});
  await client.connect();
  return client;
}

async function accepted(work: Promise<unknown>): Promise<"accepted" | "refused"> {
  return work.then(
    () => "accepted",
    () => "refused",
  );
}

async function openUnderTest(limited?: "limited", scope = "select:public.sales") {
  const proxy = await startFaultyProxy({ port: Number(new URL(server.adminUrl).port), speaks: "other" });
  const url = Object.assign(new URL(server.adminUrl), { port: String(proxy.port) });
  if (limited !== undefined) Object.assign(url, { username: "limited", password: "limited" });
  const issuer = openIssuer(url.href);
  const opened: Client[] = [];
  return {
    issuer,
    scope: [scope],
    scopesRefused: [
      ["public.sales"],
      ["select:sales"],
      ["select:public.*"],
      ["all:public.sales"],
      ["select,select:public.sales"],
      ["select:public.sales; drop table x"],
      ['select:public."sales"'],
      ["select:pg_catalog.pg_authid"],
      ["select:information_schema.tables"],
      [`select:public.${"x".repeat(64)}`],
      ["select:public.ſales"],
      ["select:public.sales\n"],
      ["", "select:public.sales"],
    ],
    nowMs: () => systemClock.nowMs(),
    async tryAtResource(lease: LeaseRef, secret: string) {
      const client = await login(lease, secret).catch(() => undefined);
      if (client === undefined) return "refused" as const;
      const tried = await accepted(client.query(`SELECT count(*) FROM ${scope.split(":")[1]}`));
      await client.end();
      return tried;
    },
    async openSession(lease: LeaseRef, secret: string) {
      const client = await login(lease, secret);
      opened.push(client);
      return () => accepted(client.query("SELECT 1"));
    },
    elsewhere: async () => openIssuer(url.href, "ffffffff"),
    // A server that goes on listening and says nothing, or one that is gone.
    takeDown: async () => (limited === undefined ? proxy.behave("silent") : proxy.close()),
    misbehave: (how: Misbehaviour) => proxy.behave(how),
    async close() {
      for (const client of opened) await client.end();
      await issuer.close();
      await proxy.close();
      await endAll(url);
    },
  };
}

/** Ends what a test left, as the administrator who made it: what somebody granted only he can take back. */
async function endAll(asked: URL): Promise<void> {
  const url = new URL(server.adminUrl);
  Object.assign(url, { username: asked.username, password: asked.password });
  for (const installed of [installation, "ffffffff"]) {
    const issuer = openIssuer(url.href, installed);
    for (const lease of await issuer.sweep(signal)) await issuer.revoke(lease, signal);
    await issuer.close();
  }
}

t.test("the contract", { timeout: 120_000 }, async (t) => {
  await issuerContract(t, "postgres", () => openUnderTest());
});

t.test("the contract, with an administrator that is no superuser", { timeout: 120_000 }, async (t) => {
  await issuerContract(t, "limited administrator", () => openUnderTest("limited", "select:public.owned"));
});

t.test("the contract catches an issuer that doesn't revoke", async (t) => {
  const law = issuerLaws.find(({ name }) => name.startsWith("what it revokes is refused at the resource"));
  const under = await openUnderTest();
  under.issuer.revoke = async () => {};
  await t.rejects(async () => law?.hold(under));
  await under.close();
});

t.test("the contract catches an issuer that drops the role and leaves its sessions", async (t) => {
  const law = issuerLaws.find(({ name }) => name.startsWith("a session that was opened before"));
  const under = await openUnderTest();
  under.issuer.revoke = async (lease) => {
    const role = quoteIdentifier(roleOf(lease));
    await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  };
  await t.rejects(async () => law?.hold(under));
  await under.close();
});

async function issued(t: Test, scope: readonly string[] = ["select:public.sales"]) {
  const issuer = openIssuer();
  const lease = newLease();
  const request = { lease, job: "rollup", tenant: "default", scope, purpose: "test" };
  const again = () => issuer.issue({ ...request, expiresAt: systemClock.nowMs() + 60_000 }, signal);
  const { secret } = await again();
  t.teardown(async () => {
    await issuer.revoke(lease, signal);
    await issuer.close();
  });
  return { issuer, lease, secret, again, role: roleOf(lease) };
}

t.test("the role can do what its scope says, and nothing else", async (t) => {
  const { lease, secret, role } = await issued(t, ["select,insert:public.sales"]);
  const { rows } = await admin.query("SELECT * FROM pg_roles WHERE rolname = $1", [role]);
  t.match(rows[0], {
    rolcanlogin: true,
    rolsuper: false,
    rolinherit: false,
    rolcreaterole: false,
    rolcreatedb: false,
    rolreplication: false,
    rolbypassrls: false,
    rolconnlimit: 2,
  });
  t.ok(rows[0].rolvaliduntil > new Date(), "an expiry is set");
  const client = await login(lease, secret);
  t.teardown(() => client.end());
  t.equal(await accepted(client.query("INSERT INTO public.sales VALUES (-1, 'x', 1)")), "accepted");
  t.equal(await accepted(client.query("SELECT * FROM public.sales")), "accepted");
  for (const sql of [
    "DELETE FROM public.sales",
    "UPDATE public.sales SET cents = 0",
    "SELECT * FROM public.secrets",
    "CREATE TABLE public.mine (id int)",
    "SET ROLE postgres",
    "SELECT * FROM pg_authid",
    "COPY public.sales TO PROGRAM 'true'",
  ]) {
    t.equal(await accepted(client.query(sql)), "refused", sql);
  }
  await admin.query("DELETE FROM public.sales WHERE id = -1");
});

t.test("the server never sees the password", async (t) => {
  const { secret } = await issued(t);
  t.match(server.log(), /CREATE ROLE "mayfly_0a1b2c3d_/, "statements are logged");
  t.notOk(server.log().includes(secret), "only the verifier is in them");
  await admin.query("CREATE ROLE careless PASSWORD 'shown-in-the-log'; DROP ROLE careless");
  t.match(server.log(), /shown-in-the-log/, "and a password would be seen here");
});

t.test(
  "a role that made tables, has a session in another database and a transaction open is ended all the same",
  async (t) => {
    const { issuer, lease, secret, role } = await issued(t, ["select,update:public.sales"]);
    await admin.query(`GRANT CREATE ON SCHEMA public TO ${role}`);
    const here = await login(lease, secret);
    const there = await login(lease, secret, "other");
    await here.query("CREATE TABLE public.mine (id int); CREATE TEMP TABLE scratch (id int)");
    await here.query("BEGIN; UPDATE public.sales SET cents = 0 WHERE id = 1");
    await issuer.revoke(lease, signal);
    t.equal(await accepted(here.query("SELECT 1")), "refused");
    t.equal(await accepted(there.query("SELECT 1")), "refused");
    t.match(await issuer.prove(lease, secret, signal), { verdict: "dead", how: /no such role.*login: refused 28P01/ });
    const { rows } = await admin.query(
      "SELECT to_regclass('public.mine') AS mine, cents FROM public.sales WHERE id = 1",
    );
    t.strictSame(rows[0], { mine: null, cents: "100" }, "its table is gone, its change rolled back");
    await Promise.all([here.end(), there.end()]);
  },
);

t.test("a session that outlived its role is seen, and ended by the next revocation", async (t) => {
  const { issuer, lease, secret, role } = await issued(t);
  const client = await login(lease, secret);
  t.teardown(() => client.end());
  await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  t.equal(await accepted(client.query("SELECT 1")), "accepted", "dropping a role doesn't end its session");
  t.match(await issuer.prove(lease, undefined, signal), {
    verdict: "alive",
    how: /no such role, but 1 sessions and 0 prepared/,
  });
  await issuer.revoke(lease, signal);
  t.equal(await accepted(client.query("SELECT 1")), "refused");
  t.match(await issuer.prove(lease, undefined, signal), { verdict: "dead" });
});

t.test("a revocation that crashed after any step is finished by the next one", async (t) => {
  const steps = ["ALTER ROLE $ NOLOGIN PASSWORD NULL", "DROP OWNED BY $", "DROP ROLE $"];
  for (let crashed = 1; crashed <= steps.length; crashed += 1) {
    const { issuer, lease, secret, role } = await issued(t);
    for (const step of steps.slice(0, crashed)) await admin.query(step.replace("$", quoteIdentifier(role)));
    await issuer.revoke(lease, signal);
    t.match(await issuer.prove(lease, secret, signal), { verdict: "dead" }, `after step ${crashed}`);
  }
});

t.test("an issue that we gave up, and that goes on at the server, is waited for by the revocation", async (t) => {
  const issuer = openIssuer();
  t.teardown(() => issuer.close());
  const lease = newLease();
  const role = quoteIdentifier(roleOf(lease));
  const late = new Client({ connectionString: server.adminUrl });
  await late.connect();
  await late.query("BEGIN");
  await late.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [roleOf(lease)]);
  await late.query(`CREATE ROLE ${role} LOGIN`);
  const revoked = issuer.revoke(lease, signal);
  await waitingForLock();
  await late.query("COMMIT");
  await revoked;
  t.match(await issuer.prove(lease, undefined, signal), { verdict: "dead" });
  await late.end();
});

/** Resolves once some session waits for an advisory lock: an event at the server, looked for until it is there. */
async function waitingForLock(): Promise<void> {
  for (;;) {
    const { rows } = await admin.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
    if (rows.length > 0) return;
  }
}

t.test("a privilege that the administrator may not pass on is refused, and no role is left", async (t) => {
  const url = new URL(server.adminUrl);
  Object.assign(url, { username: "limited", password: "limited" });
  const issuer = openIssuer(url.href);
  t.teardown(() => issuer.close());
  for (const scope of ["select:public.sales", "select:public.nowhere", "select:nowhere.sales"]) {
    const request = { lease: newLease(), job: "j", tenant: "t", scope: [scope], purpose: "p" };
    const asking = issuer.issue({ ...request, expiresAt: systemClock.nowMs() + 60_000 }, signal);
    await t.rejects(asking, { code: "issuer_refused" }, scope);
  }
  t.strictSame(await issuer.sweep(signal), []);
});

t.test("an administrator's session that the server has ended is replaced without a failure", async (t) => {
  const { issuer, lease } = await issued(t);
  const { rows } = await admin.query(`SELECT pg_terminate_backend(pid, 2000) ${adminSessions}`);
  t.ok(rows.length > 0, "there was one");
  t.match(await issuer.prove(lease, undefined, signal), { verdict: "alive" });
});

t.test("closing an issuer, twice too, leaves no session behind", async (t) => {
  const issuer = openIssuer();
  await issuer.sweep(signal);
  t.equal((await admin.query(`SELECT 1 ${adminSessions}`)).rows.length, 1);
  await Promise.all([issuer.close(), issuer.close()]);
  // The server takes a moment to notice; a session that stays would keep us here until the test times out.
  while ((await admin.query(`SELECT 1 ${adminSessions}`)).rows.length > 0);
});

t.test("a URL that can't be used is refused without being shown", async (t) => {
  for (const url of [
    "https://user:hunter2@localhost/db",
    "postgres://user:hunter2@localhost",
    "postgres://:hunter2@localhost/db",
    "postgres://user:hunter2@localhost/db?sslmode=disable",
    "postgres://user:hunter2@localhost/db#x",
    "hunter2",
  ]) {
    try {
      openIssuer(url);
      t.fail(url);
    } catch (error) {
      t.match(error, { code: "config_invalid" });
      t.notMatch(String((error as { describe(): string }).describe()), /hunter2/);
    }
  }
});
