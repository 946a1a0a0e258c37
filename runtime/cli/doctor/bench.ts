// What an attack works with: runs of its own jobs, bounded in time; an attacker behind the walls; links, signals and copies
// from outside. It only does; what should come of it is the attack's.
import { join } from "node:path";
import { copyState, escapedName, turnByte } from "../../adapters/system/bait.ts";
import { systemClock } from "../../adapters/system/clock.ts";
import { prepareExecutorFiles } from "../../adapters/system/executor-files.ts";
import { type InsideReport, makeInsideTrial } from "../../adapters/system/inside-trial.ts";
import { isActive } from "../../adapters/system/introspection.ts";
import { openLedger, type Runtime } from "../../compose.ts";
import { verifyChain } from "../../core/audit/chain.ts";
import type { AttackOrders } from "../../executor/attacker.ts";
import type { RunId } from "../../model/ids.ts";
import type { RunRecord } from "../../model/run.ts";
import type { RunEvent } from "../../model/run-event.ts";
import type { Attack, Bench, InsideKind, Place, Reached, StartedRun } from "./attack.ts";
import { jobName } from "./jobs.ts";

const unwatchedBytes = 512 * 1_048_576;

export interface BenchParts {
  place: Place;
  runtime: Runtime;
  events: Events;
  /** Signals that this process has had from attackers. */
  signals(): number;
  /** PATH of the sandbox's tools. */
  path: string;
  /** No run goes on for longer, ms. */
  runMsMax: number;
}

export interface Benches {
  of(attack: Attack): Bench;
  /** Ends what runs; whatever is asked from now on fails at once. */
  stop(): void;
}

export function makeBench({ place, runtime, events, signals, path, runMsMax }: BenchParts): Benches {
  const { scheduler, store, state } = runtime;
  const reports = new Map<InsideKind, Promise<InsideReport & Reached>>();
  let stopped = false;
  let copies = 0;

  async function start(job: string): Promise<StartedRun> {
    if (stopped) throw new Error("the trial was stopped");
    const { id, done } = await scheduler.submit({ job, input: "null", trigger: { kind: "test" } });
    const cancel = systemClock.setTimer(runMsMax, () => scheduler.kill(id, "it should have ended long ago"));
    void done.then(cancel, cancel);
    const launched = await events.find(({ runId, type }) => runId === id && (type === "launched" || type === "ended"));
    return { id, done, pid: launched.type === "launched" ? launched.pid : 0 };
  }

  const run = async (job: string): Promise<RunRecord> => (await start(job)).done;

  async function logged({ id, done }: StartedRun, line: string): Promise<void> {
    const found = events.find(
      (event) => event.runId === id && (event.type === "ended" || (event.type === "log" && event.text === line)),
    );
    if ((await found).type === "ended")
      throw new Error(`the run ended before it logged: ${(await done).error?.message}`);
  }

  function inside(kind: InsideKind): Promise<InsideReport & Reached> {
    const known = reports.get(kind) ?? attackFromInside(kind);
    reports.set(kind, known);
    return known;
  }

  async function attackFromInside(kind: InsideKind): Promise<InsideReport & Reached> {
    if (stopped) throw new Error("the trial was stopped");
    const trial = makeInsideTrial({
      files: await prepareExecutorFiles(state.directory("cache")),
      path,
      layers: runtime.pool.layers(),
      installation: store.installation,
      clock: systemClock,
    });
    const before = { connects: place.forbidden.connects(), signals: signals() };
    const orders = ordersFor(kind, place);
    const report =
      kind === "orphan" ? await trial.orphan(orders) : await trial.attack(orders, { nodePermission: kind !== "walls" });
    return {
      ...report,
      connects: place.forbidden.connects() - before.connects,
      signals: signals() - before.signals,
    };
  }

  async function auditHolds(turned: 0 | 1): Promise<{ ok: boolean; said: string }> {
    copies += 1;
    const stateDirectory = join(place.directory, `copy-${copies}`);
    copyState(state.path, stateDirectory);
    const config = { ...runtime.config, stateDirectory };
    await openLedger(config).close(); // SQLite's journal is in the file then
    if (turned === 1) turnByte(join(stateDirectory, "ledger.db"), lastEntryText(store));
    const ledger = openLedger(config);
    const { store: copy } = ledger;
    const seals = await ledger.audited();
    const verdict = verifyChain((from) => copy.auditEntries(from, 1_000), copy.auditHead(), seals);
    await ledger.close();
    return { ok: verdict.ok, said: verdict.ok ? `${verdict.entries} entries, unbroken` : verdict.reason };
  }

  return {
    stop() {
      stopped = true;
      scheduler.killAll("the trial was stopped");
    },
    of: (attack) => ({
      place,
      runtime,
      run: (job) => run(jobName(attack, job)),
      start: (job) => start(jobName(attack, job)),
      logged,
      harmless: () => run("harmless"),
      plantLink: (id: RunId, name) => place.bait.link(join(state.directory("runs"), id), name),
      inside,
      signal: (pid, signal) => void process.kill(pid, signal),
      isActive,
      auditHolds,
    }),
  };
}

/** Of the last event, as far as the last digit of its run's id: what is turned there is still JSON. */
function lastEntryText(store: Runtime["store"]): string {
  const event = store.auditEntries(store.auditHead()?.seq ?? 1, 1)[0]?.event;
  const { runId = "" } = event ?? {};
  const text = JSON.stringify(event);
  return text.slice(0, text.indexOf(runId) + runId.length);
}

function ordersFor(kind: InsideKind, { forbidden, bait, directory }: Place): AttackOrders {
  return {
    port: forbidden.port,
    pid: process.pid,
    readable: bait.file,
    writable: join(bait.directory, escapedName),
    listable: directory,
    memoryBytes: kind === "memory" ? unwatchedBytes : 0,
    clings: kind === "orphan",
  };
}

export interface Events {
  tell(event: RunEvent): void;
  /** The first event, past or to come, that fits. */
  find(fits: (event: RunEvent) => boolean): Promise<RunEvent>;
}

export function makeEvents(): Events {
  const past: RunEvent[] = [];
  const waiting = new Set<(event: RunEvent) => void>();
  return {
    tell(event) {
      if (event.type !== "log" || past.length < 10_000) past.push(event);
      for (const each of [...waiting]) each(event);
    },
    find: (fits) =>
      new Promise((resolve) => {
        const known = past.find(fits);
        if (known !== undefined) return resolve(known);
        const look = (event: RunEvent) => {
          if (!fits(event)) return;
          waiting.delete(look);
          resolve(event);
        };
        waiting.add(look);
      }),
  };
}

/** The signal that an attacker sends: without a listener it would end this process, which would tell nobody. */
export function countSignals(): { count(): number; end(): void } {
  let count = 0;
  const onSignal = () => {
    count += 1;
  };
  process.on("SIGUSR2", onSignal);
  return { count: () => count, end: () => void process.off("SIGUSR2", onSignal) };
}
