// Kills the supervisor, or the executor, at each named point of a credential's life, for one issuer after the other, starts
// it again, and tries every credential that the issuer's own log shows at the resource: within ten seconds none may be
// taken. Between the kill and the restart it tries them too: that some are taken then is the proof that it isn't blind.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import tmp from "tmp";
import type { SandboxConfig } from "../../runtime/config.ts";
import type { RunRecord } from "../../runtime/model/run.ts";
import { childEnv } from "../support/child-env.ts";
import type { Issued, IssuerWorld, OpenIssuerWorld } from "../worlds/world.ts";
import { recoveryMs } from "./campaign.ts";
import { handlePoints, type Point, points } from "./points.ts";
import type { ChildOptions, ChildSays, Order } from "./points-child.ts";
import { makeRandom } from "./random.ts";

export interface PointsOptions {
  /** Of one issuer. */
  kills: number;
  seed: number;
  say?: (line: string) => void;
}

export interface PointsFound {
  kind: string;
  kills: { supervisor: number; executor: number };
  /** By point: how often it was reached and somebody died. */
  reached: Partial<Record<Point, number>>;
  /** Kills of the supervisor after which a credential was taken, until the restart. */
  killsWithLive: number;
  /** The slowest, from the start of the process to the last credential refused, ms. */
  slowestMs: number;
  issued: number;
  violations: string[];
}

export async function pointsCampaign(open: OpenIssuerWorld, options: PointsOptions): Promise<PointsFound> {
  const world = await open();
  const { name: directory } = tmp.dirSync({ prefix: "mayfly-points-", mode: 0o700, keep: true });
  try {
    return await campaign(world, directory, options);
  } finally {
    await world.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function campaign(
  world: IssuerWorld,
  directory: string,
  { kills, seed, say }: PointsOptions,
): Promise<PointsFound> {
  const { kind } = world;
  const found: PointsFound = {
    ...{ kind, kills: { supervisor: 0, executor: 0 }, reached: {}, killsWithLive: 0, slowestMs: 0, issued: 0 },
    violations: [],
  };
  world.begin?.(directory);
  const options = optionsOf(world, directory);
  const random = makeRandom(seed);
  let child: Child | undefined;
  let installation = "";
  try {
    for (let number = 0; found.kills.supervisor + found.kills.executor < kills; number += 1) {
      child ??= await startAndCheck(world, options, found, installation);
      installation = child.installation;
      const order = orderFor(number, random.below(3));
      const outcome = await child.follow(order);
      if (outcome === "died" || outcome.reached) {
        found.kills[order.victim] += 1;
        found.reached[order.point] = (found.reached[order.point] ?? 0) + 1;
      }
      if (outcome !== "died") {
        await checkEnded(world, options, found, order, outcome.record, installation);
        continue;
      }
      child = undefined;
      const alive = await takenOf(world, options, installation);
      if (alive.length > 0) found.killsWithLive += 1;
      say?.(`${kind} ${number + 1}: supervisor killed ${order.point}; ${alive.length} credentials taken`);
    }
    child ??= await startAndCheck(world, options, found, installation);
  } finally {
    await child?.stop();
  }
  found.issued = issuedIn(options.log).length;
  return found;
}

/** Every point in turn; in later rounds some are let pass once, and every third round the executor is killed. */
function orderFor(number: number, chance: number): Order {
  const all = [...points, ...handlePoints];
  const round = Math.floor(number / all.length);
  return {
    point: all[number % all.length] as Point,
    victim: round % 3 === 2 ? "executor" : "supervisor",
    after: round > 0 && chance === 0 ? 1 : 0,
  };
}

function optionsOf(world: IssuerWorld, directory: string): ChildOptions {
  const words: SandboxConfig = {
    issuers: { held: world.issuer },
    ...(world.identity === undefined ? {} : { identity: world.identity }),
    executor: { warm: 1 },
    jobs: {
      held: {
        entry: "./held.ts",
        credential: { ...world.credential, issuer: "held", ttl: "5m", purpose: "to be caught by a crash" },
        ...(world.network === undefined ? {} : { network: world.network }),
        limits: { wall: "30s" },
      },
    },
  };
  const body = `${world.use} c.log.info("in use"); await c.files.write("/output/used", "yes"); return "used";`;
  return {
    directory,
    words,
    env: world.env,
    authorities: world.authorities ?? [],
    body,
    log: join(directory, "issued.ndjson"),
  };
}

async function startAndCheck(
  world: IssuerWorld,
  options: ChildOptions,
  found: PointsFound,
  installation: string,
): Promise<Child> {
  const startedAt = performance.now();
  const elapsed = () => Math.round(performance.now() - startedAt);
  const starting = startChild(options);
  starting.catch(() => undefined); // awaited below
  let alive = installation === "" ? [] : await takenOf(world, options, installation);
  while (alive.length > 0 && elapsed() < recoveryMs) alive = await takenOf(world, options, installation);
  found.slowestMs = Math.max(found.slowestMs, elapsed());
  for (const { runId } of alive)
    found.violations.push(`${world.kind}: the credential of ${runId} is taken ${recoveryMs} ms after the restart`);
  return starting;
}

/** Of the newest ten: an older one that was refused stays so. */
async function takenOf(world: IssuerWorld, { log, directory }: ChildOptions, installation: string): Promise<Issued[]> {
  const recent = issuedIn(log).slice(-10);
  const tried = await Promise.all(recent.map((issued) => world.accepts(issued, { installation, directory })));
  return recent.filter((_, index) => tried[index]);
}

async function checkEnded(
  world: IssuerWorld,
  { log, directory }: ChildOptions,
  found: PointsFound,
  order: Order,
  record: RunRecord,
  installation: string,
): Promise<void> {
  const about = `${world.kind}, ${order.victim} ${order.point}, ${record.id}`;
  if (record.lease !== null && record.lease.state !== "revoked")
    found.violations.push(`${about}: lease ${record.lease.state}`);
  const open = Object.entries(record.teardown).filter(([, said]) => said === "unconfirmed");
  for (const [step] of open) found.violations.push(`${about}: ${step} unconfirmed`);
  if (order.victim === "executor" && record.state !== "failed" && record.state !== "succeeded")
    found.violations.push(`${about}: the run ended as ${record.state}`);
  for (const issued of issuedIn(log).filter(({ runId }) => runId === record.id)) {
    if (await world.accepts(issued, { installation, directory }))
      found.violations.push(`${about}: its credential is taken after the end`);
  }
}

function issuedIn(log: string): Issued[] {
  if (!existsSync(log)) return [];
  const lines = readFileSync(log, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Issued);
}

interface Child {
  installation: string;
  /** Resolves with the run's end, or `died`. */
  follow(order: Order): Promise<Extract<ChildSays, { type: "ended" }> | "died">;
  stop(): Promise<void>;
}

async function startChild(options: ChildOptions): Promise<Child> {
  const child = fork(join(import.meta.dirname, "points-child.ts"), { execArgv: [], env: childEnv() });
  const gone = once(child, "exit").then(([code, signal]) => ({ code, signal }) as { code: number; signal: string });
  const next = heard(child);
  child.send(options);
  const said = await Promise.race([next(), gone]);
  if (!("type" in said) || said.type !== "ready") throw new Error("the supervisor didn't become ready");
  return {
    installation: said.installation,
    async follow(order) {
      child.send(order);
      const outcome = await Promise.race([next(), gone]);
      if ("type" in outcome) {
        if (outcome.type === "ended") return outcome;
        throw new Error(`the supervisor said ${outcome.type}`);
      }
      if (outcome.signal !== "SIGKILL") throw new Error(`the supervisor ended by itself: ${outcome.code}`);
      return "died";
    },
    async stop() {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

function heard(child: ChildProcess): () => Promise<ChildSays> {
  const waiting: ((said: ChildSays) => void)[] = [];
  const early: ChildSays[] = [];
  child.on("message", (said: ChildSays) => {
    const listener = waiting.shift();
    if (listener === undefined) early.push(said);
    else listener(said);
  });
  return () => {
    const before = early.shift();
    return before === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(before);
  };
}
