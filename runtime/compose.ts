// The only file that constructs and wires: reads as a parts list. Decisions stand in core/, effects in adapters/.
import type { SqliteStore } from "./adapters/stores/sqlite.ts";
import { findCgroups } from "./adapters/system/cgroup.ts";
import { systemClock } from "./adapters/system/clock.ts";
import { cronTicker } from "./adapters/system/cron-ticker.ts";
import { descriptorsForWork } from "./adapters/system/descriptors.ts";
import { makeBundler } from "./adapters/system/esbuild-bundler.ts";
import { prepareExecutorFiles } from "./adapters/system/executor-files.ts";
import { makeExecutorPool, type SandboxedPool } from "./adapters/system/executor-pool.ts";
import { makeFileTrees } from "./adapters/system/file-tree.ts";
import { ignoredEnvironment } from "./adapters/system/ignored-environment.ts";
import { killOrphans } from "./adapters/system/orphans.ts";
import { isAlive, killLeftBehind, thisProcess } from "./adapters/system/process-identity.ts";
import { systemRandom } from "./adapters/system/random.ts";
import { makeResolver } from "./adapters/system/resolver.ts";
import type { StateDirectory } from "./adapters/system/state-directory.ts";
import { makeUndiciClients } from "./adapters/system/undici-client.ts";
import { requireVersions } from "./adapters/system/versions.ts";
import { hasIdentities, openIdentity } from "./compose/identity.ts";
import { makeIssuers } from "./compose/issuers.ts";
import { makeLeases } from "./compose/leases.ts";
import { type Ledger, openLedgerWith } from "./compose/ledger.ts";
import { remember } from "./compose/remember.ts";
import type { Config } from "./config.ts";
import type { Seals } from "./core/audit/chain.ts";
import { makeCodeCaches } from "./core/bundle/code-cache.ts";
import type { Broker } from "./core/leases/broker.ts";
import { makeReaper, type Reaper } from "./core/leases/reaper.ts";
import { makeScheduler, type Scheduler } from "./core/scheduler/loop.ts";
import { executorClassOf, type RunParts } from "./core/scheduler/run.ts";
import { describeError, MayflyError } from "./model/error.ts";
import type { JobSpec } from "./model/job.ts";
import type { RunEvent } from "./model/run-event.ts";
import { isoTime } from "./model/units.ts";
import type { Bundle } from "./ports/bundler.ts";
import type { CredentialIssuer } from "./ports/credential-issuer.ts";
import type { OpenHttpClient } from "./ports/http-client.ts";
import type { Resolver } from "./ports/resolver.ts";
import type { RunArchive } from "./ports/run-archive.ts";
import type { Owner } from "./ports/store.ts";

/** What a process of this installation is for. */
export type Role = Owner["role"];

export interface RuntimeOptions {
  config: Config;
  role: Role;
  /** Jobs that this process serves; all by default. Their issuers are opened, and executors are warmed for them. */
  jobs?: readonly string[];
  /** Executors ready before they are needed; true by default. */
  warm?: boolean;
  /** When the config says nothing. */
  osSandbox: "required" | "preferred";
  /** Default: that of this process. PATH for the sandbox's tools, and the variables that the config names. */
  env?: Readonly<Record<string, string | undefined>>;
  onEvent: (event: RunEvent) => void;
  /** One line for the operator. */
  onWarning: (message: string) => void;
  /** Test kit: the world as the test has it. */
  world?: World;
}

export interface World {
  resolver?: Resolver;
  openHttpClient?: OpenHttpClient;
  /** In the place of every issuer of the config. */
  issuer?: (name: string) => Promise<CredentialIssuer>;
  guestTime?: RunParts["guestTime"];
  /** Something around the ledger and each issuer: what is given stays what acts. */
  around?: {
    store(store: SqliteStore): SqliteStore;
    issuer(name: string, issuer: CredentialIssuer): CredentialIssuer;
  };
  /** In the place of esbuild. */
  bundle?: (job: JobSpec) => Promise<Bundle>;
  /** In the place of executors of its own: another runtime's, which closes it. */
  pool?: SandboxedPool;
}

export interface Runtime {
  readonly config: Config;
  readonly store: SqliteStore;
  readonly state: StateDirectory;
  readonly seals: Seals;
  readonly archive: RunArchive;
  readonly scheduler: Scheduler;
  readonly broker: Broker;
  readonly reaper: Reaper;
  readonly pool: SandboxedPool;
  readonly owner: Owner;
  /** Rejects with IssuerFailure or MayflyError when it can't be had. */
  issuer(name: string): Promise<CredentialIssuer>;
  bundle(job: JobSpec): Promise<Bundle>;
  /** Notes how far the audit log has come; for a timer. */
  mark(): void;
  /** Gives everything back. Runs must have ended: drain the scheduler first. */
  close(): Promise<void>;
}

/** Opens the ledger alone: for commands that only read. @throws MayflyError */
export function openLedger(config: Config, env: RuntimeOptions["env"] = process.env): Ledger {
  return openLedgerWith(config, env);
}

/** Ledger and issuers: for a command that ends leases and runs nothing. Rejects with MayflyError. */
export async function openRevocation(
  config: Config,
  env: Readonly<Record<string, string | undefined>>,
  onAlert: (message: string) => void,
): Promise<{ store: SqliteStore; broker: Broker; close(): Promise<void> }> {
  const ledger = openLedger(config, env);
  const { store, state, keys } = ledger;
  try {
    await ledger.audited(onAlert);
  } catch (error) {
    await ledger.close();
    throw error;
  }
  const identity = openIdentity(config, store, keys);
  const { signing } = keys;
  const issuers = makeIssuers({ config, env, store, state, keys: keys.store, signing, identity, world: {} });
  const { broker, revoker } = makeLeases({ store, box: keys.box, issuer: issuers.get, onAlert });
  return {
    store,
    broker,
    async close() {
      await revoker.close();
      await Promise.all([issuers.close(), identity.close()]);
      await ledger.close();
    },
  };
}

/** Everything that runs jobs. Rejects with MayflyError; nothing is then left open. */
export async function openRuntime(options: RuntimeOptions): Promise<Runtime> {
  requireVersions();
  const { config, world = {}, env = process.env } = options;
  const ignored = ignoredEnvironment(env);
  if (ignored !== undefined) options.onWarning(ignored);
  const ledger = openLedger(config, env);
  const { state, keys, archive, recordings } = ledger;
  const store = world.around?.store(ledger.store) ?? ledger.store;
  const owner = thisProcess(options.role, systemClock, systemRandom);
  try {
    const seals = await ledger.audited(options.onWarning);
    const isFirst = await store.register(owner, isAlive);
    if (!isFirst) throw alreadyStarted(store.owners().find((other) => other.role === "start" && isAlive(other)));
    const pool = world.pool ?? (await openPool({ ...options, env }, store.installation, state, owner.id));
    const jobs = new Map(Object.entries(config.jobs).filter(([name]) => options.jobs?.includes(name) ?? true));
    const identity = openIdentity(config, store, keys);
    const { signing } = keys;
    const issuers = makeIssuers({
      config,
      env,
      store,
      state,
      keys: keys.store,
      signing,
      identity,
      world,
    });
    const bundler = makeBundler({ directory: config.directory, stateDirectory: config.stateDirectory });
    const bundle = remember((job: JobSpec) => job.name, world.bundle ?? ((job: JobSpec) => bundler.bundle(job.entry)));
    const { onWarning: onAlert } = options;
    const { broker, revoker } = makeLeases({ store, box: keys.box, issuer: issuers.get, onAlert });
    // Where one job is run and no more, none would be used.
    const codeCaches = options.role === "start" ? makeCodeCaches({ pool, clock: systemClock }) : undefined;
    const trees = makeFileTrees({ directory: state.directory("runs") });
    const scheduler = makeScheduler({
      store,
      clock: systemClock,
      random: systemRandom,
      broker,
      pool,
      trees,
      openHttpClient: world.openHttpClient ?? makeUndiciClients(),
      resolver: world.resolver ?? makeResolver(),
      identity,
      archive,
      recordings,
      ...(codeCaches === undefined ? {} : { codeCaches }),
      owner: owner.id,
      onEvent: options.onEvent,
      jobs,
      bundle,
      ticker: cronTicker,
      onAlert,
      concurrency: config.scheduler.concurrency,
      waitingMax: config.scheduler.queueMax,
      descriptorsLeft: descriptorsForWork,
      ...(world.guestTime === undefined ? {} : { guestTime: world.guestTime }),
    });
    const reaper = makeReaper({
      store,
      clock: systemClock,
      revoker,
      identity,
      trees,
      killLeftBehind,
      killOrphans: (living) => killOrphans(state.directory("cache"), living),
      isAlive,
      owner: owner.id,
      holds: (id) => scheduler.holds(id),
      issuerNames: options.role === "start" ? Object.keys(config.issuers) : [],
      issuer: issuers.get,
      adopt: (row) => adoption(options.role, row.record.trigger.kind, () => scheduler.adopt(row)),
      onClosed: (record) => options.onEvent({ type: "ended", runId: record.id, record }),
      onAlert,
    });
    // Another process has taken over what was ours: the runs' ends give back what they hold, and nothing new begins.
    void store.whenFenced.then((error) => {
      onAlert(error.describe());
      void store.commit([{ audit: { type: "alert", code: error.code, detail: error.message } }]).catch(() => undefined);
      scheduler.killAll(`the supervisor was fenced off: ${error.found}`);
      void scheduler.drain(0);
    });
    // Verifiers are to know the keys before the first token comes. What can't be had stops no job that needs none.
    if (options.role === "start" && hasIdentities(config))
      await identity
        .open()
        .catch((error: unknown) => options.onWarning(`no job can show who it is: ${describeError(error)}`));
    if (options.warm ?? true) warm(pool, [...jobs.values()], options.role === "start" ? config.executor.warm : 0);
    return {
      config,
      store,
      state,
      seals,
      archive,
      scheduler,
      broker,
      reaper,
      pool,
      owner,
      issuer: issuers.get,
      bundle,
      mark: ledger.mark,
      async close() {
        await revoker.close();
        await codeCaches?.close();
        await Promise.all([
          world.pool === undefined && pool.close(),
          issuers.close(),
          identity.close(),
          bundler.close(),
        ]);
        await store.unregister(owner.id);
        await ledger.close();
      },
    };
  } catch (error) {
    await store.unregister(owner.id).catch(() => undefined);
    await ledger.close();
    throw error;
  }
}

/** Executors that wait for a burst to come again: 50 MiB each. */
const warmForBurstsMax = 16;

/** Executors of this installation. */
export async function openPool(
  {
    config,
    env,
    osSandbox,
    onWarning,
  }: Pick<RuntimeOptions, "config" | "osSandbox" | "onWarning"> & Pick<Required<RuntimeOptions>, "env">,
  installation: string,
  state: StateDirectory,
  owner: string,
): Promise<SandboxedPool> {
  const files = await prepareExecutorFiles(state.directory("cache"));
  const cgroups = findCgroups(installation);
  if ("cgroups" in cgroups) cgroups.cgroups.sweep();
  return makeExecutorPool({
    files,
    cgroups,
    clock: systemClock,
    path: env.PATH ?? "",
    osSandbox: config.executor.osSandbox ?? osSandbox,
    owner,
    warmMax: Math.min(config.scheduler.concurrency, warmForBurstsMax),
    reuse: config.executor.reuse && { ...config.executor.reuse, idleMax: config.scheduler.concurrency },
    onWarning,
  });
}

// A process that serves keeps executors ready; one that runs a single job starts one now, and none after it.
function warm(pool: SandboxedPool, jobs: readonly JobSpec[], count: number): void {
  for (const job of jobs) {
    pool.keepWarm(executorClassOf(job), Math.max(1, count));
    if (count === 0) pool.keepWarm(executorClassOf(job), 0);
  }
}

// Nobody waits any more for a run that `mayfly run` had accepted; a submission or a slot is kept for the next `start`.
function adoption(role: Role, trigger: string, take: () => boolean): "taken" | "left" | "closed" {
  if (trigger === "run" || trigger === "test") return "closed";
  return role === "start" && take() ? "taken" : "left";
}

function alreadyStarted(other: Owner | undefined): MayflyError {
  return new MayflyError({
    code: "start_already",
    message: "another `mayfly start` serves this state directory",
    found: other === undefined ? "a living process" : `pid ${other.pid}, since ${isoTime(other.since)}`,
    needed: "one a state directory",
    next: "submit to it with `mayfly submit <job>`, or stop it first",
  });
}
