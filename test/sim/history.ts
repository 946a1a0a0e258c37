// One history: a seed chooses what may fail and how often, what is submitted, when a supervisor is killed, stopped or
// believed dead, when an issuer is down and a clock is set. Then faults cease, whatever was left is to be put right, and the
// last supervisor ends. The invariants are looked at after every step, and at rest.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "../../runtime/adapters/stores/sqlite.ts";
import { parseConfig } from "../../runtime/config.ts";
import type { JobSpec } from "../../runtime/model/job.ts";
import { makeClockwork } from "./clockwork.ts";
import { checkAtRest, latencyMs, makeMomentary } from "./invariants.ts";
import { makeModelIssuer } from "./issuer.ts";
import type { Plant } from "./plants.ts";
import { newMachine, revokeFrom, type Supervisor, startSupervisor } from "./supervisor.ts";
import { type Faults, fault, type Simulation, seals, violate } from "./world.ts";

/** Faults come for so long, ms. */
const troubleMs = 180_000;
/** A history that has not come to rest by then never will: a clock that is hours off makes pauses of hours. */
const restMs = troubleMs + 6 * 3_600_000;

export interface History {
  seed: number;
  violations: string[];
  steps: number;
  runs: number;
  credentials: number;
  faults: number;
}

export interface HistoryOptions {
  plant?: Plant;
  say?: (line: string) => void;
}

export async function playHistory(seed: number, { plant = {}, say = () => {} }: HistoryOptions = {}): Promise<History> {
  const directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "mayfly-sim-"));
  const { sim, counts } = makeSimulation(seed, join(directory, "ledger.db"), plant, say);
  const onRejection = (error: unknown) =>
    violate(
      sim,
      "I10 nothing is left unhandled",
      String(error instanceof Error ? error.stack + JSON.stringify(error) : error),
    );
  process.on("unhandledRejection", onRejection);
  try {
    await play(sim);
    return {
      seed,
      violations: sim.violations,
      steps: sim.work.steps,
      runs: sim.observer.runs(100_000).length,
      credentials: sim.secrets.size,
      faults: counts.faults,
    };
  } finally {
    process.off("unhandledRejection", onRejection);
    await sim.observer.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

function makeSimulation(seed: number, ledger: string, plant: Plant, say: (line: string) => void) {
  const work = makeClockwork(seed);
  const counts = { faults: 0 };
  const watcher = newMachine("observer");
  const observer = openSqliteStore({ path: ledger, clock: work.clockOf(watcher), random: work.randomOf(), seals });
  const skew = () => work.between(-300_000, 300_000);
  const sim: Simulation = {
    ...{ work, plant, ledger, observer, faults: chooseFaults(work) },
    issuers: { alpha: makeModelIssuer(() => sim, "alpha", skew()), beta: makeModelIssuer(() => sim, "beta", skew()) },
    ...{ executors: new Map(), directories: new Set(), supervisors: new Set(), looksDead: new Set() },
    ...{
      told: [],
      secrets: new Set(),
      slots: [],
      endedAtMs: new Map(),
      diskFailed: false,
      clockWasSet: false,
      lastFaultMs: 0,
      violations: [],
    },
    say(line) {
      if (line.startsWith("fault")) counts.faults += 1;
      say(`${String(work.now()).padStart(7)} ${line}`);
    },
  };
  return { sim, counts };
}

/** Most histories know a few kinds of faults: those that mask one another are seen apart. */
function chooseFaults({ chance, between, pick }: ReturnType<typeof makeClockwork>): Faults {
  const rate = (likely: number, of: readonly number[]) => (chance(likely) ? pick(of) : 0);
  const every = (likely: number) => (chance(likely) ? between(10_000, 60_000) : 0);
  return {
    lostQuestion: rate(0.4, [0.02, 0.1, 0.3]),
    lostAnswer: rate(0.4, [0.02, 0.1, 0.3]),
    slow: rate(0.4, [0.05, 0.3]),
    twice: rate(0.3, [0.05, 0.3]),
    busy: rate(0.2, [0.05, 0.2]),
    disk: rate(0.2, [0.005, 0.03]),
    crashEveryMs: every(0.5),
    stallEveryMs: every(0.4),
    outageEveryMs: every(0.4),
    stepEveryMs: every(0.3),
    operatorEveryMs: every(0.5),
  };
}

const limits = { wall: "20s" };
const purpose = "simulated";

function parseJobs(): ReadonlyMap<string, JobSpec> {
  const entry = "./job.ts";
  const alpha = { issuer: "alpha", scope: ["a"], ttl: "60s", delivery: "revealed", purpose };
  const beta = { issuer: "beta", scope: ["select:public.sales"], ttl: "60s", delivery: "query", purpose };
  const config = parseConfig(
    {
      issuers: {
        alpha: { kind: "jwt", audience: "https://alpha.example", listen: "127.0.0.1:1" },
        beta: { kind: "postgres", url: { env: "NONE" } },
      },
      jobs: {
        plain: { entry, limits },
        token: { entry, limits, credential: alpha },
        idle: { entry, limits, credential: { ...alpha, idle: "5s" } },
        rows: { entry, limits, credential: beta },
        nightly: { entry, limits, credential: alpha, schedule: { cron: "* * * * *", timezone: "UTC" } },
      },
    },
    { directory: "/", path: "/sandbox.config.ts" },
  );
  return new Map(Object.entries(config.jobs));
}

async function play(sim: Simulation): Promise<void> {
  const { work, faults } = sim;
  const jobs = parseJobs();
  const momentary = makeMomentary(sim);
  let serial = 0;
  let current: Supervisor | undefined;
  let troubled = true;

  const supervisors: Supervisor[] = [];
  function start(): void {
    const serving = supervisors.find(({ machine }) => machine.alive && !sim.looksDead.has(machine.id));
    if (serving !== undefined) {
      current = serving;
      return;
    }
    serial += 1;
    const supervisor = startSupervisor(sim, `start-${serial}`, jobs);
    sim.say(`${supervisor.machine.id} starts`);
    supervisors.push(supervisor);
    current = supervisor;
    void supervisor.gone.then(() => {
      sim.endedAtMs.set(supervisor.machine.id, work.now());
      if (!stopping) work.after(work.between(100, 8_000), null, start);
    });
  }
  let stopping = false;

  function every(ms: number, act: () => void): void {
    if (ms === 0) return;
    work.after(work.between(1, 2 * ms), null, () => {
      if (!troubled) return;
      act();
      every(ms, act);
    });
  }

  start();
  every(6_000, () => {
    const key = work.chance(0.3) ? `key ${work.between(1, 5)}` : undefined;
    const trigger = key === undefined ? ({ kind: "submit" } as const) : ({ kind: "submit", key } as const);
    const job = work.pick(["plain", "token", "idle", "rows", "token", "rows"]);
    if (current?.machine.alive && current.machine.stalledUntilMs <= work.now())
      current.scheduler.submit({ job, input: "null", trigger }).catch(() => undefined);
  });
  every(faults.crashEveryMs, () => {
    if (current === undefined || !current.machine.alive) return;
    fault(sim, `${current.machine.id} is killed`);
    current.crash();
  });
  every(faults.stallEveryMs, () => stall());
  every(faults.outageEveryMs, () => outage());
  every(faults.stepEveryMs, () => {
    if (current === undefined) return;
    sim.clockWasSet = true;
    current.machine.stepMs += work.pick([-3_600_000, -60_000, 60_000, 3_600_000]);
    fault(sim, `the clock of ${current.machine.id} is off by ${current.machine.stepMs} ms`);
  });
  every(faults.operatorEveryMs, () => {
    serial += 1;
    const [last] = sim.observer.runs(1);
    const run = last === undefined ? { all: true as const } : { run: last.record.id };
    const target = work.pick([run, { job: "token" }, { issuer: "beta" }, { all: true as const }]);
    sim.say(`an operator revokes ${JSON.stringify(target)}`);
    void revokeFrom(sim, `revoke-${serial}`, target);
  });

  function stall(): void {
    const stalled = current;
    if (stalled === undefined || !stalled.machine.alive) return;
    const forMs = work.pick([200, 3_000, 15_000, 40_000]);
    stalled.machine.stalledUntilMs = work.now() + forMs;
    const isBelievedDead = forMs > 1_000 && work.chance(0.5);
    fault(sim, `${stalled.machine.id} stands still for ${forMs} ms${isBelievedDead ? ", and looks dead" : ""}`);
    if (isBelievedDead) {
      sim.looksDead.add(stalled.machine.id);
      work.after(work.between(100, forMs), null, start);
    }
    work.after(forMs, null, () => {
      sim.looksDead.delete(stalled.machine.id);
      fault(sim, `${stalled.machine.id} goes on`);
    });
  }

  function outage(): void {
    const issuer = work.pick([sim.issuers.alpha, sim.issuers.beta]);
    issuer.down = work.pick(["refuses", "silent"]);
    const forMs = work.pick([2_000, 20_000, 60_000]);
    fault(sim, `${issuer.name} ${issuer.down} for ${forMs} ms`);
    work.after(forMs, null, () => {
      issuer.down = "no";
      fault(sim, `${issuer.name} is back`);
    });
  }

  const calm: Faults = { ...faults, lostQuestion: 0, lostAnswer: 0, slow: 0, twice: 0, busy: 0, disk: 0 };
  work.after(troubleMs, null, () => {
    troubled = false;
    Object.assign(sim.faults, calm);
    sim.say("faults cease");
  });
  while (sim.violations.length === 0 && work.now() < restMs) {
    if (!(await work.step(restMs))) break;
    momentary();
    const isHalfPast = work.now() % 60_000 > 25_000; // of a minute: no slot is being accepted
    const isCalm = work.now() > Math.max(sim.lastFaultMs + 30_000, troubleMs) + latencyMs;
    if (!stopping && isHalfPast && isCalm && (isPutRight(sim) || work.now() > restMs - 120_000)) {
      stopping = true;
      void current?.stop();
    }
    if (stopping && current?.machine.alive === false) break;
  }
  if (sim.violations.length > 0) return;
  for (const l of sim.observer.openLeases())
    sim.say(
      `OPEN ${JSON.stringify({ ...l, now: work.now(), next: (l.nextAttemptAt ?? 0) - 1.8e12, irr: (l.irrevocableSince ?? 0) - 1.8e12, exp: l.expiresAt - 1.8e12 })}`,
    );
  if (current?.machine.alive) violate(sim, "a process that is told to end ends", current.machine.id);
  checkAtRest(sim);
}

function isPutRight({ observer }: Simulation): boolean {
  return observer.openLeases().length === 0 && observer.unfinishedRuns().length === 0 && observer.owners().length <= 1;
}
