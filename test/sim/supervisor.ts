// One supervisor of a simulated installation: the product's own broker, revoker, reaper and scheduler, wired as compose.ts
// does it, on a real ledger behind a disk that takes its time, and on models of everything else.
import { openSqliteStore, type SqliteStore } from "../../runtime/adapters/stores/sqlite.ts";
import { type Leases, makeLeases } from "../../runtime/compose/leases.ts";
import { digestOf } from "../../runtime/core/bundle/digest.ts";
import { makeReaper } from "../../runtime/core/leases/reaper.ts";
import type { Target } from "../../runtime/core/leases/selection.ts";
import { makeScheduler, type Scheduler } from "../../runtime/core/scheduler/loop.ts";
import { MayflyError, messageOf } from "../../runtime/model/error.ts";
import type { JobSpec } from "../../runtime/model/job.ts";
import type { Bundle } from "../../runtime/ports/bundler.ts";
import { IssuerFailure } from "../../runtime/ports/credential-issuer.ts";
import type { FileTrees } from "../../runtime/ports/file-tree.ts";
import type { IdentityIssuer } from "../../runtime/ports/identity.ts";
import type { Recordings } from "../../runtime/ports/recordings.ts";
import type { RunArchive } from "../../runtime/ports/run-archive.ts";
import type { Ticker } from "../../runtime/ports/ticker.ts";
import { openBox } from "../../runtime/testkit/open-box.ts";
import type { Machine } from "./clockwork.ts";
import { killModelExecutor, makeModelPool } from "./executors.ts";
import { fault, type Simulation, seals } from "./world.ts";

const tickEveryMs = 5_000;

export interface Supervisor {
  machine: Machine;
  scheduler: Scheduler;
  /** SIGKILL. */
  crash(): void;
  /** SIGTERM: resolves when it has ended. */
  stop(): Promise<void>;
  /** Resolves when it has ended itself: fenced off, or refused as the second one. */
  readonly gone: Promise<void>;
}

export function newMachine(id: string): Machine {
  return { id, alive: true, stalledUntilMs: 0, stepMs: 0 };
}

export function startSupervisor(sim: Simulation, id: string, jobs: ReadonlyMap<string, JobSpec>): Supervisor {
  const { work } = sim;
  const machine = newMachine(id);
  const [clock, random] = [work.clockOf(machine), work.randomOf()];
  const disk = openDisk(sim, machine);
  const store = sim.plant.store?.(disk, sim, machine) ?? disk;
  const onAlert = (message: string) => void sim.told.push(message);
  const issuer = async (name: string) => {
    const model = sim.issuers[name as "alpha"];
    if (model === undefined) throw new IssuerFailure("issuer_unavailable", "no such issuer");
    const port = model.portFor(machine);
    return sim.plant.issuer?.(port, sim) ?? port;
  };
  const made = makeLeases({ store, clock, random, box: openBox, issuer, onAlert });
  const leases: Leases = sim.plant.leases?.(made, sim) ?? made;
  const trees = modelTrees(sim, machine);
  const scheduler = makeScheduler({
    ...{ store, clock, random, broker: leases.broker, trees, jobs, bundle, archive, recordings, onAlert, owner: id },
    pool: makeModelPool(sim, machine),
    openHttpClient: () => ({ exchange: () => Promise.reject(new Error("none")), close: async () => undefined }),
    resolver: { resolve: async () => [] },
    identity,
    onEvent: (event) => void sim.told.push(JSON.stringify(event)),
    ticker: modelTicker(sim, machine),
    ...{ concurrency: 4, waitingMax: 100, descriptorsLeft: () => Number.POSITIVE_INFINITY },
  });
  const isAlive = (other: { id: string }) => {
    const there = [...sim.supervisors].find(({ machine: each }) => each.id === other.id);
    return there?.machine.alive === true && !sim.looksDead.has(other.id);
  };
  const reaper = makeReaper({
    ...{ store, clock, revoker: leases.revoker, identity, trees, isAlive, issuer, onAlert, owner: id },
    killLeftBehind: (pid) => killModelExecutor(sim, machine, pid),
    killOrphans: async (living) => {
      const alive = new Set(living.map((owner) => owner.id));
      const orphans = [...sim.executors.values()].filter((each) => each.alive && !alive.has(each.machine.id));
      for (const each of orphans) each.die("SIGKILL");
      return orphans.length;
    },
    holds: (runId) => scheduler.holds(runId),
    issuerNames: sim.plant.issuerNames ?? ["alpha", "beta"],
    adopt: (row) => (scheduler.adopt(row) ? "taken" : "left"),
    onClosed: () => undefined,
  });
  const { promise: gone, resolve: leave } = Promise.withResolvers<void>();
  const view = { machine, holds: (runId: never) => scheduler.holds(runId) };
  sim.supervisors.add(view);

  async function live(): Promise<void> {
    const owner = { id, role: "start", pid: 1, startTicks: 1, bootId: "boot", since: clock.nowMs() } as const;
    if (!(await retried(clock, () => store.register(owner, isAlive)))) return end("another one serves");
    void store.whenFenced.then(async () => {
      scheduler.killAll("fenced off");
      await scheduler.drain(0);
      await end("fenced off");
    });
    await reaper.recover().catch((error: unknown) => onAlert(messageOf(error)));
    scheduler.startSchedules();
    tick();
  }

  function tick(): void {
    void reaper.tick().catch((error: unknown) => onAlert(messageOf(error)));
    clock.setTimer(tickEveryMs, tick);
  }

  async function end(why: string): Promise<void> {
    sim.say(`${id} ends: ${why}`);
    await leases.revoker.close();
    await store.unregister(id).catch(() => undefined);
    await store.close();
    machine.alive = false;
    leave();
  }

  live().catch((error: unknown) => void end(messageOf(error)));
  return {
    machine,
    scheduler,
    gone,
    crash() {
      machine.alive = false;
      for (const executor of sim.executors.values())
        if (executor.machine === machine && work.chance(0.7)) executor.die("SIGKILL"); // --die-with-parent, mostly
      void disk.kill();
      leave();
    },
    async stop() {
      await scheduler.drain(10_000);
      await end("SIGTERM");
    },
  };
}

/** `mayfly revoke` in a process of its own, beside whatever runs. */
export async function revokeFrom(sim: Simulation, id: string, target: Target): Promise<void> {
  const machine = newMachine(id);
  const store = openDisk(sim, machine);
  const leases = makeLeases({
    ...{ store, clock: sim.work.clockOf(machine), random: sim.work.randomOf(), box: openBox },
    issuer: async (name) => sim.issuers[name as "alpha"].portFor(machine),
    onAlert: (message) => void sim.told.push(message),
  });
  await leases.broker.revoke(target, "revoked: simulated").catch(() => []);
  await leases.revoker.close();
  await store.close();
  machine.alive = false;
}

/** The real ledger, with time between a write, its being durable, and its being known; a crash may fall into either. */
function openDisk(sim: Simulation, machine: Machine): SqliteStore & { kill(): Promise<void> } {
  const { work } = sim;
  const real = openSqliteStore({ path: sim.ledger, clock: work.clockOf(machine), random: work.randomOf(), seals });
  let lastAtMs = 0;
  function write<T>(act: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    lastAtMs = Math.max(lastAtMs, work.now() + work.between(0, 4));
    const later = (call: () => void) => void work.after(work.between(0, 2), machine, call);
    work.after(lastAtMs - work.now(), machine, () => {
      if (work.chance(sim.faults.disk)) {
        fault(sim, "the disk is full");
        sim.diskFailed = true;
        later(() => reject(new MayflyError({ code: "store_unavailable", message: "the disk is full" })));
        return;
      }
      work.hold(act()).then(
        (value) => later(() => resolve(value)),
        (error: unknown) => later(() => reject(error)),
      );
    });
    return promise;
  }
  return {
    ...real,
    commit: (changes) => write(() => real.commit(changes)),
    note: (event) => write(() => real.note(event)),
    accept: (row, key, changes) => write(() => real.accept(row, key, changes)),
    register: (owner, isAlive) => write(() => real.register(owner, isAlive)),
    unregister: (owner) => write(() => real.unregister(owner)),
    fenceOff: (owner) => write(() => real.fenceOff(owner)),
    close: () => write(() => real.close()).catch(() => work.hold(real.close())),
    kill: () => work.hold(real.close()),
  };
}

async function retried<T>(clock: ReturnType<Simulation["work"]["clockOf"]>, act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof MayflyError) || error.code !== "store_unavailable") throw error;
      await new Promise<void>((resolve) => clock.setTimer(500, resolve));
    }
  }
}

const code = new TextEncoder().encode("(() => 1)()");
const bundle = async (): Promise<Bundle> => ({ code, digest: digestOf(code), sourceMap: "{}", inputs: [] });

const identity: IdentityIssuer = {
  url: "https://identity.example",
  spiffeId: ({ runId }) => `spiffe://sim.mayfly/run/${runId}`,
  token: () => Promise.reject(new Error("none")),
  end: async () => undefined,
  active: () => [],
};

const recordings: Recordings = {
  engine: "none",
  create: () => Promise.reject(new Error("nothing is recorded here")),
  // biome-ignore lint/correctness/useYield: there is nothing to read
  async *read() {
    throw new Error("nothing is recorded here");
  },
  size: async () => undefined,
};

const archive: RunArchive = {
  appendLog: () => undefined,
  closeLog: async () => undefined,
  logLines: async () => [],
  collect: async () => [],
  async *readOutput() {},
  saveOutputs: async () => undefined,
  outputDirectory: () => "",
};

function modelTrees({ work, directories }: Simulation, machine: Machine): FileTrees {
  const soon = <T>(act: () => T): Promise<T> =>
    new Promise((resolve) => void work.after(work.between(0, 5), machine, () => resolve(act())));
  const remove = (runId: string) => soon(() => directories.delete(runId) || true);
  const none = () => Promise.reject(new Error("none"));
  return {
    open: (runId) =>
      soon(() => {
        directories.add(runId);
        const operations = { read: none, write: none, makeDirectory: none, list: none, stat: none, remove: none };
        return { ...operations, destroy: () => remove(runId) };
      }),
    leftBehind: () => soon(() => [...directories]),
    sweep: remove,
  };
}

/** Each minute of the machine's wall clock is a slot. */
function modelTicker(sim: Simulation, machine: Machine): Ticker {
  const clock = sim.work.clockOf(machine);
  return {
    schedule(_cron, _timezone, onSlot) {
      let cancel = () => {};
      const next = () => {
        cancel = clock.setTimer(60_000 - (clock.nowMs() % 60_000), () => {
          const slot = new Date(Math.floor(clock.nowMs() / 60_000) * 60_000).toISOString();
          sim.slots.push({ job: "nightly", slot, machine, atMs: sim.work.now() });
          onSlot(slot);
          next();
        });
      };
      next();
      return () => cancel();
    },
  };
}
