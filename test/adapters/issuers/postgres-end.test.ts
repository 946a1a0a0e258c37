// The end of a leased role that has spread: into other databases, into transactions that outlive sessions, into groups, and
// under names that want to be statements. On a real server, with a superuser for administrator and without.
import { Client } from "pg";
import t, { type Test } from "tap";
import { makePostgresIssuer } from "../../../runtime/adapters/issuers/postgres.ts";
import { quoteIdentifier } from "../../../runtime/adapters/issuers/postgres-scope.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { runIdDigits } from "../../../runtime/model/ids.ts";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { startPostgres } from "../../../runtime/testkit/postgres-server.ts";

const installation = "0a1b2c3d";
const signal = new AbortController().signal;
const server = await startPostgres();
const odd = "we\"ird'; DROP TABLE sales; -- ü\\";

async function connectTo(database: string, login: { user?: string; password?: string } = {}): Promise<Client> {
  const url = new URL(server.adminUrl);
  const { user = url.username, password = url.password } = login;
  const client = new Client({ host: "127.0.0.1", port: Number(url.port), user, password, database });
  client.on("error", () => {});
  await client.connect();
  return client;
}

const admin = await connectTo("postgres");
await admin.query("CREATE DATABASE other");
await admin.query(`CREATE DATABASE ${quoteIdentifier(odd)}`);
const databases = ["postgres", "other", odd];
const admins = new Map<string, Client>();
for (const database of databases) admins.set(database, await connectTo(database));
const everywhere = async (sql: string) => {
  for (const each of admins.values()) await each.query(sql);
};
await admin.query("CREATE ROLE limited LOGIN CREATEROLE PASSWORD 'limited'; CREATE ROLE analysts");
await everywhere(`
  CREATE TABLE public.sales (id int);
  ALTER TABLE public.sales OWNER TO limited;
  GRANT USAGE, CREATE ON SCHEMA public TO limited WITH GRANT OPTION;
`);
t.teardown(async () => {
  for (const each of [admin, ...admins.values()]) await each.end();
  await server.stop();
});

const administrators = ["a superuser", "limited"] as const;

async function issued(
  t: Test,
  by: (typeof administrators)[number] = "a superuser",
  options: { scope?: string; in?: string } = {},
) {
  const url = new URL(server.adminUrl);
  if (by === "limited") Object.assign(url, { username: "limited", password: "limited" });
  if (options.in !== undefined) url.pathname = encodeURIComponent(options.in);
  const issuer = makePostgresIssuer({
    ...{ name: "warehouse", adminUrl: url.href, installation, clock: systemClock, random: systemRandom },
    ...{ transport: { ca: null, client: null, plaintext: false }, clientKey: null },
  });
  const lease = newLease();
  const { scope = "select,insert:public.sales" } = options;
  const request = { lease, job: "j", tenant: "t", scope: [scope], purpose: "p" };
  const { secret } = await issuer.issue({ ...request, expiresAt: systemClock.nowMs() + 60_000 }, signal);
  t.teardown(async () => {
    await issuer.revoke(lease, signal);
    await issuer.close();
  });
  const role = `mayfly_${installation}_${runIdDigits(lease.runId)}`;
  return {
    issuer,
    lease,
    secret,
    role,
    login: (database: string) => connectTo(database, { user: role, password: secret }),
  };
}

const rolesLike = async (role: string) => (await admin.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [role])).rows;
const preparedNow = async () => (await admin.query("SELECT gid FROM pg_prepared_xacts")).rows;

async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "accepted",
    (error: Error) => error.message,
  );
}

for (const by of administrators) {
  t.test(
    `${by} rolls back what the role has prepared, in each database, under whatever identifier [CRED-27]`,
    async (t) => {
      const { issuer, lease, secret, role, login } = await issued(t, by);
      for (const database of databases) {
        await admins.get(database)?.query(`GRANT INSERT ON public.sales TO ${role}`);
        const thief = await login(database);
        await thief.query("BEGIN; INSERT INTO public.sales VALUES (1)");
        const gid = `${database}'; DROP TABLE public.sales; --\\`;
        await thief.query(`PREPARE TRANSACTION E'${gid.replaceAll(/['\\]/g, "\\$&")}'`);
        await thief.end();
      }
      t.equal((await preparedNow()).length, 3, "they outlive their sessions");
      t.match(await issuer.prove(lease, secret, signal), { verdict: "alive", how: /3 prepared transactions/ });
      await issuer.revoke(lease, signal);
      t.strictSame(await preparedNow(), []);
      t.match(await issuer.prove(lease, secret, signal), { verdict: "dead", how: /no prepared transaction.*28P01/ });
      for (const [, each] of admins) t.strictSame((await each.query("SELECT * FROM public.sales")).rows, []);
    },
  );

  t.test(`${by} ends a role that owns, was given and gives by default in several databases [CRED-28]`, async (t) => {
    const { issuer, lease, secret, role, login } = await issued(t, by);
    await admin.query(`GRANT analysts TO ${role}; ALTER ROLE ${role} CONNECTION LIMIT -1`);
    const sessions: Client[] = [];
    for (const database of databases) {
      const there = admins.get(database);
      if (by === "limited") await there?.query("SET ROLE limited"); // what he gave he can take back
      await there?.query(`GRANT CREATE ON SCHEMA public TO ${role}; GRANT SELECT ON public.sales TO ${role}`);
      await there?.query(`ALTER DEFAULT PRIVILEGES FOR ROLE limited GRANT SELECT ON TABLES TO ${role}`);
      await there?.query("RESET ROLE");
      const here = await login(database);
      sessions.push(here);
      await here.query(`CREATE TABLE public.mine (id int); CREATE SEQUENCE public.numbers; SELECT lo_create(0)`);
      await here.query("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC");
      await here.query(
        "CREATE FUNCTION public.later() RETURNS text SECURITY DEFINER LANGUAGE sql AS 'SELECT current_user::text'",
      );
      await here.query("CREATE VIEW public.seen AS SELECT * FROM public.sales");
      await here.query("DECLARE kept CURSOR WITH HOLD FOR SELECT 1");
      await here.query("SET ROLE analysts; LISTEN doors; SELECT pg_advisory_lock(7)");
    }
    await issuer.revoke(lease, signal);
    t.strictSame(await rolesLike(role), []);
    t.match(await issuer.prove(lease, secret, signal), { verdict: "dead" });
    for (const session of sessions) {
      t.match(await refusal(session.query("FETCH kept")), /terminated|closed|not queryable/i);
      await session.end();
    }
    for (const [, each] of admins) {
      const { rows } = await each.query(
        "SELECT to_regclass('public.mine') AS a, to_regclass('public.seen') AS b, to_regproc('public.later') AS c, " +
          "(SELECT count(*)::int FROM pg_largeobject_metadata) AS d, (SELECT count(*)::int FROM pg_default_acl) AS e, " +
          "(SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND objid = 7) AS f",
      );
      const nothing = { a: null, b: null, c: null, d: 0, e: 0, f: 0 };
      t.strictSame(rows[0], nothing, "nothing that it made is left, nor in anybody's hands");
    }
  });
}

t.test(
  "what others have built on a thing of the role's is not dropped: the failure names it, and nobody logs in",
  async (t) => {
    const { issuer, lease, secret, role, login } = await issued(t);
    const there = admins.get("other");
    await there?.query(`GRANT CREATE ON SCHEMA public TO ${role}`);
    const here = await login("other");
    await here.query("CREATE TABLE public.base (id int)");
    await there?.query(`CREATE VIEW public."built;on" AS SELECT * FROM public.base`);
    await t.rejects(issuer.revoke(lease, signal), {
      code: "issuer_refused",
      message:
        /can't log in any more, and can't be dropped \(seen from database "other"\): view public\."built;on" depends on table public\.base; drop or revoke/,
    });
    t.match(await refusal(here.query("SELECT 1")), /terminated|closed|not queryable/i);
    t.match(await refusal(login("other")), /not permitted to log in|password authentication failed/);
    t.match(await issuer.prove(lease, secret, signal), { verdict: "alive", how: /the role exists, with 0 sessions/ });
    await there?.query(`DROP VIEW public."built;on"`);
    await issuer.revoke(lease, signal);
    t.match(await issuer.prove(lease, secret, signal), { verdict: "dead" });
    await here.end();
  },
);

t.test(
  "what somebody else gave, an administrator who is no superuser can't take back: it is named, and nobody logs in",
  async (t) => {
    const { issuer, lease, secret, role, login } = await issued(t, "limited");
    await admins.get("other")?.query(`CREATE TABLE public.theirs (id int); GRANT SELECT ON public.theirs TO ${role}`);
    const message = /can't be dropped \(seen from database "postgres"\): 1 object in database other; drop or revoke/;
    await t.rejects(issuer.revoke(lease, signal), { code: "issuer_refused", message });
    t.match(await refusal(login("other")), /not permitted to log in|password authentication failed/);
    t.match(await issuer.prove(lease, secret, signal), { verdict: "alive" });
    await admins.get("other")?.query("DROP TABLE public.theirs");
    await issuer.revoke(lease, signal);
    t.match(await issuer.prove(lease, secret, signal), { verdict: "dead" });
  },
);

t.test("a database that somebody gave to the role is not dropped with it, and the failure says so", async (t) => {
  const { issuer, lease, role } = await issued(t);
  await admin.query("CREATE DATABASE given");
  await admin.query(`ALTER DATABASE given OWNER TO ${role}`);
  await t.rejects(issuer.revoke(lease, signal), { code: "issuer_refused", message: /owner of database given/ });
  await admin.query("ALTER DATABASE given OWNER TO postgres");
  await issuer.revoke(lease, signal);
  await admin.query("DROP DATABASE given");
  t.strictSame(await rolesLike(role), []);
});

t.test("a prepared transaction that outlived its role is seen, and rolled back by the next revocation", async (t) => {
  const { issuer, lease, role, login } = await issued(t);
  const thief = await login("postgres");
  await thief.query("BEGIN; INSERT INTO public.sales VALUES (1); PREPARE TRANSACTION 'left'");
  await thief.end();
  await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  t.match(await issuer.prove(lease, undefined, signal), {
    verdict: "alive",
    how: /no such role, but 0 sessions and 1 prepared/,
  });
  await issuer.revoke(lease, signal);
  t.match(await issuer.prove(lease, undefined, signal), { verdict: "dead" });
  t.strictSame(await preparedNow(), []);
});

t.test("a job that prepares a transaction by its query leaves it no longer than its lease", async (t) => {
  const { issuer, lease, secret } = await issued(t);
  const bounds = { write: true, rowsMax: 10, bytesMax: 1_000, timeMs: 10_000 };
  const say = (sql: string) => issuer.query?.(lease, secret, { sql, params: [], ...bounds }, signal);
  await say("PREPARE TRANSACTION 'of a job'");
  t.strictSame(await preparedNow(), [{ gid: "of a job" }]);
  await issuer.revoke(lease, signal);
  t.strictSame(await preparedNow(), []);
});

t.test("another's prepared transaction is left alone", async (t) => {
  const { issuer, lease } = await issued(t);
  await admin.query("BEGIN; INSERT INTO public.sales VALUES (2); PREPARE TRANSACTION 'of the warehouse'");
  await issuer.revoke(lease, signal);
  t.match(await issuer.prove(lease, undefined, signal), { verdict: "dead" });
  t.strictSame(await preparedNow(), [{ gid: "of the warehouse" }]);
  await admin.query("ROLLBACK PREPARED 'of the warehouse'");
});

t.test(
  "names that are words of SQL, have capitals, or fill all 63 bytes; and a database that wants to be a statement [CRED-27]",
  async (t) => {
    const there = admins.get(odd);
    const long = `L${"x".repeat(62)}`;
    await there?.query(
      `CREATE SCHEMA "Select"; CREATE TABLE "Select"."order" (id int); CREATE TABLE "Select"."${long}" (id int)`,
    );
    for (const table of ["order", long]) {
      const { issuer, lease, secret, login } = await issued(t, "a superuser", {
        in: odd,
        scope: `select:Select.${table}`,
      });
      const client = await login(odd);
      t.same((await client.query(`SELECT * FROM "Select"."${table}"`)).rows, []);
      await client.end();
      await issuer.revoke(lease, signal);
      t.match(await issuer.prove(lease, secret, signal), { verdict: "dead" }, table);
    }
    t.same((await there?.query("SELECT * FROM public.sales"))?.rows, [], "nothing was dropped by a name");
  },
);
