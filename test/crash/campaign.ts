// Kills `mayfly start` with SIGKILL at random points of its life, again and again, and looks after each restart for what
// must not be: a live credential of a dead run at either issuer, a process, a directory, a run without an end. Both
// issuers are real; the token's resource is a server here, which keeps every token that it was shown.
//
// A life: start → recover what the last life left (examined here) → submissions → SIGKILL. Between the kill and the next
// start the remains are examined too: they tell that there was something to find.
import { readdirSync } from "node:fs";
import { createServer } from "node:http";
import { Client } from "pg";
import { isRunning, readStat } from "../../runtime/adapters/system/proc.ts";
import { isRunId, type RunId, runIdFromDigits } from "../../runtime/model/ids.ts";
import { finalRunStates } from "../../runtime/model/run.ts";
import { startPostgres } from "../../runtime/testkit/postgres-server.ts";
import {
  type Ended,
  eventually,
  launch,
  ledgerOf,
  makeProject,
  mayfly,
  type Project,
  type Running,
  type Scope,
} from "../support/cli.ts";
import { clientOf, processesOf } from "../support/start.ts";
import { freePort, makeRandom, type SeededRandom } from "./random.ts";

/** Within this of the restart everything of the dead runs must be gone, ms. */
export const recoveryMs = 10_000;
const submissionsPerLife = 5;
/** The longest life after `ready`, ms: a run takes about as long. */
const lifeMsMax = 500;
const submittingMsMax = 60;
/** One in so many lives is ended before it is ready: in the middle of its recovery. */
const earlyEvery = 8;

export interface CampaignOptions {
  kills: number;
  seed: number;
  /** A line for each life. */
  say?: (line: string) => void;
}

export interface Campaign {
  kills: number;
  /** Kills that hit before `ready`. */
  early: number;
  submitted: number;
  /** Submissions whose answer the kill cut off, and that were sent again with their key. */
  resubmitted: number;
  /** By final state. */
  states: Record<string, number>;
  /** Kills after which a credential of a dead run was alive, until the restart: tokens, roles. */
  killsWithLiveToken: number;
  killsWithLiveRole: number;
  /** The slowest recovery, from the start of the process to the last thing gone, ms. */
  slowestMs: number;
  /** What should not have been, each with the life in which it was found. */
  violations: string[];
  auditVerify: Ended;
}

interface World {
  t: Scope;
  project: Project;
  random: SeededRandom;
  admin: Client;
  env: Record<string, string>;
  issuerUrl: string;
  /** Every token that the resource was shown. */
  tokens: Set<string>;
  submissions: Map<string, { job: string; input: unknown; id: string | undefined }>;
  result: Campaign;
}

export async function crashCampaign(t: Scope, { kills, seed, say = () => {} }: CampaignOptions): Promise<Campaign> {
  const world = await makeWorld(t, makeRandom(seed));
  let remains = await examine(world);
  while (world.result.kills < kills) {
    const life = world.result.kills + 1;
    const before = world.result.violations.length;
    await liveAndDie(world, remains, life);
    remains = await examine(world);
    if (remains.liveTokens.length > 0) world.result.killsWithLiveToken += 1;
    if (remains.liveRoles.length > 0) world.result.killsWithLiveRole += 1;
    const left = `${remains.liveTokens.length} tokens, ${remains.liveRoles.length} roles alive, ${remains.open} runs open`;
    say(`life ${life}: killed; ${left}; ${world.result.violations.length - before} violations`);
  }
  await lastLife(world, remains);
  return world.result;
}

async function makeWorld(t: Scope, random: SeededRandom): Promise<World> {
  const postgres = await startPostgres();
  t.teardown(() => postgres.stop());
  const admin = new Client({ connectionString: postgres.adminUrl });
  await admin.connect();
  t.teardown(() => admin.end());
  await admin.query("CREATE TABLE public.sales AS SELECT n AS id, n * 100 AS cents FROM generate_series(1, 100) n");
  const tokens = new Set<string>();
  const resourcePort = await serveResource(t, tokens);
  const issuerPort = await freePort();
  const project = await makeProject(t, { config: configOf(issuerPort, resourcePort), jobs: jobsFor(resourcePort) });
  return {
    ...{ t, project, random, admin, tokens },
    env: { CRASH_PG_URL: postgres.adminUrl },
    issuerUrl: `http://127.0.0.1:${issuerPort}`,
    submissions: new Map(),
    result: {
      ...{ kills: 0, early: 0, submitted: 0, resubmitted: 0, states: {}, killsWithLiveToken: 0, killsWithLiveRole: 0 },
      ...{ slowestMs: 0, violations: [], auditVerify: { code: null, signal: null, stdout: "", stderr: "" } },
    },
  };
}

async function serveResource(t: Scope, tokens: Set<string>): Promise<number> {
  const server = createServer((request, response) => {
    tokens.add((request.headers.authorization ?? "").replace("Bearer ", ""));
    response.end("ok");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

function configOf(issuerPort: number, resourcePort: number): string {
  const host = `127.0.0.1:${resourcePort}`;
  return `{
    executor: { osSandbox: "preferred", warm: 2 },
    scheduler: { concurrency: 4 },
    issuers: {
      partner: issuers.jwt({ audience: "https://orders.example", listen: "127.0.0.1:${issuerPort}" }),
      warehouse: issuers.postgres({ url: { env: "CRASH_PG_URL" } }),
    },
    jobs: {
      token: {
        entry: "./jobs/token.ts",
        credential: { issuer: "partner", scope: ["orders:read"], ttl: "50s", purpose: "crash test", hosts: ["${host}"] },
        network: { allow: ["GET http://${host}/*"] },
        limits: { wall: "30s" },
      },
      rows: {
        entry: "./jobs/rows.ts",
        credential: { issuer: "warehouse", scope: ["select:public.sales"], ttl: "50s", delivery: "query", purpose: "crash test" },
        limits: { wall: "30s" },
      },
    },
  }`;
}

const wait = (what: string) => `await new Promise((resolve) => setTimeout(resolve, input.${what}));`;

function jobsFor(resourcePort: number): Record<string, string> {
  const show = `await fetch("http://127.0.0.1:${resourcePort}/", { headers: { authorization: \`Bearer \${token}\` } });`;
  return {
    token: `${wait("beforeMs")} const token = await credential.fetch(); ${show} await files.write("/output/a", "a"); ${wait("afterMs")} ${show} return 1;`,
    rows: `${wait("beforeMs")} await credential.query("SELECT count(*) FROM public.sales"); ${wait("afterMs")} return await credential.query("SELECT id, pg_sleep(0.05) FROM public.sales LIMIT 2");`,
  };
}

/** What is there between a kill and the next start. */
interface Remains {
  /** Runs that were launched or had ended: nothing of theirs may live once the next start has recovered. */
  dead: Set<RunId>;
  liveTokens: string[];
  liveRoles: string[];
  /** Runs without a final record. */
  open: number;
  processes: { pid: number; startTicks: number }[];
}

async function examine(world: World): Promise<Remains> {
  const { store } = ledgerOf(world.project);
  try {
    const rows = store.runs(10_000);
    const dead = new Set(rows.filter(({ record }) => record.state !== "accepted").map(({ record }) => record.id));
    const executors = rows.flatMap(({ pid, startTicks }) =>
      pid === null || startTicks === null ? [] : [{ pid, startTicks }],
    );
    const others = processesOf(world.project).map((pid) => ({ pid, startTicks: readStat(pid)?.startTicks ?? 0 }));
    return {
      dead,
      liveTokens: store.tokens
        .active("partner", Date.now())
        .map(({ runId }) => runId)
        .filter((id) => dead.has(id)),
      liveRoles: await rolesOf(world, store.installation, dead),
      open: rows.filter(({ record }) => !finalRunStates.includes(record.state)).length,
      processes: [...executors, ...others],
    };
  } finally {
    await store.close();
  }
}

/** Roles of dead runs, and sessions that were opened with such a role, whether it exists or not. */
async function rolesOf({ admin }: World, installation: string, dead: ReadonlySet<RunId>): Promise<string[]> {
  const prefix = `mayfly_${installation}_`;
  const { rows } = await admin.query(
    `SELECT rolname AS name FROM pg_roles WHERE starts_with(rolname, $1)
     UNION ALL SELECT application_name FROM pg_stat_activity WHERE starts_with(application_name, $1)`,
    [prefix],
  );
  return rows
    .map(({ name }) => String(name))
    .filter((name) => {
      const run = runIdFromDigits(name.slice(prefix.length));
      return run === undefined || dead.has(run);
    });
}

async function liveAndDie(world: World, remains: Remains, life: number): Promise<void> {
  const { t, project, random, env, result } = world;
  const startedAt = performance.now();
  const process = launch(t, project, ["start", "--allow-missing-sandbox"], { env });
  if (random.below(earlyEvery) === 0) {
    await Promise.race([process.says(/^ready: /m), pause(200 + random.below(600))]);
    if (!process.stderr().includes("ready: ")) result.early += 1;
  } else {
    await process.says(/^ready: /m);
    const cleared = clearedInTime(world, remains, startedAt, life);
    const submitting = submitSome(world, life);
    // One in four dies while it takes submissions.
    await pause(random.below(random.below(4) === 0 ? submittingMsMax : lifeMsMax));
    await cleared;
    process.signal("SIGKILL");
    await submitting;
  }
  await kill(process);
  result.kills += 1;
}

async function kill(process: Running): Promise<void> {
  process.signal("SIGKILL");
  const { signal, stderr } = await process.ended;
  if (signal !== "SIGKILL") throw new Error(`the supervisor ended by itself: ${stderr}`);
}

// Several at once, as callers do; what the kill cut off is sent again in the next life, with its key.
async function submitSome(world: World, life: number): Promise<void> {
  const { random, submissions, result } = world;
  for (let n = 0; n < submissionsPerLife; n += 1) {
    const input = { beforeMs: random.below(60), afterMs: random.below(300) };
    submissions.set(`life ${life} run ${n}`, { job: random.below(2) === 0 ? "token" : "rows", input, id: undefined });
    result.submitted += 1;
  }
  const unanswered = [...submissions].filter(([, { id }]) => id === undefined);
  result.resubmitted += unanswered.length - submissionsPerLife;
  await Promise.all(unanswered.map(([key]) => submitOne(world, key)));
}

async function submitOne({ project, submissions, result }: World, key: string): Promise<void> {
  const submission = submissions.get(key);
  if (submission === undefined) return;
  const { job, input } = submission;
  const answer = await clientOf(project)
    .submit({ job, input, key })
    .catch(() => undefined);
  if (answer === undefined) return; // the kill came first
  if (submission.id !== undefined && submission.id !== answer.id)
    result.violations.push(`${key}: a second run ${answer.id}`);
  submission.id = answer.id;
}

/** Looks until nothing of the dead runs is left, or until it should have been gone. */
async function clearedInTime(world: World, remains: Remains, startedAt: number, life: number): Promise<void> {
  const { result } = world;
  const late = await eventually(async () => {
    const left = await leftOf(world, remains);
    return left.length === 0 || performance.now() - startedAt > recoveryMs ? left : undefined;
  });
  result.slowestMs = Math.max(result.slowestMs, Math.round(performance.now() - startedAt));
  for (const each of late) result.violations.push(`life ${life}, ${recoveryMs} ms after the restart: ${each}`);
}

async function leftOf(world: World, { dead, processes }: Remains): Promise<string[]> {
  const { project } = world;
  const { store, state } = ledgerOf(project);
  try {
    const tokens = store.tokens.active("partner", Date.now()).filter(({ runId }) => dead.has(runId));
    const directories = readdirSync(state.directory("runs")).filter((name) => isRunId(name) && dead.has(name));
    const open = [...dead].map((id) => store.run(id)).filter((row) => row?.tornDown !== true);
    return [
      ...tokens.map(({ runId }) => `the token of ${runId} is in the registry, active`),
      ...(await rolesOf(world, store.installation, dead)).map((name) => `role or session ${name} is there`),
      ...(await activeAtIntrospection(world, dead)),
      ...processes.filter(({ pid, startTicks }) => isRunning(pid, startTicks)).map(({ pid }) => `process ${pid} lives`),
      ...directories.map((name) => `directory ${name} is there`),
      ...open.map((row) => `run ${row?.record.id} has no confirmed end: ${row?.record.state}`),
    ];
  } finally {
    await store.close();
  }
}

// As a resource would ask. A token found inactive stays so: it is asked about no more.
async function activeAtIntrospection({ tokens, issuerUrl }: World, dead: ReadonlySet<RunId>): Promise<string[]> {
  const alive: string[] = [];
  for (const token of tokens) {
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as {
      mayfly: { run: RunId };
    };
    if (!dead.has(claims.mayfly.run)) continue;
    const answer = await fetch(`${issuerUrl}/introspect`, { method: "POST", body: new URLSearchParams({ token }) });
    const { active } = (await answer.json()) as { active: boolean };
    if (active) alive.push(`a token of ${claims.mayfly.run} is active at introspection`);
    else tokens.delete(token);
  }
  return alive;
}

async function lastLife(world: World, remains: Remains): Promise<void> {
  const { t, project, env, submissions, result } = world;
  const startedAt = performance.now();
  const process = launch(t, project, ["start", "--allow-missing-sandbox"], { env });
  await process.says(/^ready: /m);
  await clearedInTime(world, remains, startedAt, result.kills + 1);
  await Promise.all([...submissions.keys()].map((key) => submitOne(world, key))); // every key again: the same runs
  const { store } = ledgerOf(project);
  await eventually(() => (store.unfinishedRuns().length === 0 ? true : undefined));
  const ids = new Set([...submissions.values()].map(({ id }) => id));
  if (ids.size !== submissions.size) result.violations.push(`${submissions.size} keys, and ${ids.size} runs`);
  for (const [key, { id }] of submissions) {
    const state = id !== undefined && isRunId(id) ? (store.run(id)?.record.state ?? "missing") : "never accepted";
    result.states[state] = (result.states[state] ?? 0) + 1;
    const error = id !== undefined && isRunId(id) ? store.run(id)?.record.error : undefined;
    if (state === "failed") result.violations.push(`${key}: failed, ${error?.code}: ${error?.message}`);
    if (!finalRunStates.includes(state as never)) result.violations.push(`${key}: ${state}`);
  }
  const rows = store.runs(100_000).length;
  if (rows !== submissions.size)
    result.violations.push(`${submissions.size} submissions, and ${rows} runs in the ledger`);
  const open = store.openLeases();
  if (open.length > 0) result.violations.push(`${open.length} leases without proof at the end`);
  await store.close();
  process.signal("SIGTERM");
  await process.ended;
  result.auditVerify = await mayfly(t, project, ["audit", "verify"]);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
