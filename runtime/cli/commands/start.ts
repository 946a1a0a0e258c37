// `mayfly start`: the long-lived process. Order of its life: end what an earlier process left → try the defences, and refuse
// when one doesn't hold → launch the runs that wait → serve schedules and the socket → drain on SIGTERM or SIGINT, kill on
// the second SIGINT.
// A process that finds itself fenced off ends its runs at once, and itself.
import { serveControl } from "../../adapters/system/control-server.ts";
import { guardOwnProcess, requireClosedMemory } from "../../adapters/system/own-process.ts";
import { openRuntime, type Runtime } from "../../compose.ts";
import { escapeLine, exitCodes, MayflyError } from "../../model/error.ts";
import { isRunId } from "../../model/ids.ts";
import type { RunEvent } from "../../model/run-event.ts";
import { formatDuration } from "../../model/units.ts";
import { type ConfigOption, loadConfig } from "../config.ts";
import { tryBeforeServing } from "../doctor/before-serving.ts";
import { say, warn } from "../print.ts";
import { warnOfMissingLayers } from "./run.ts";

/** How often leases without proof and runs of dead processes are looked for, ms. */
const reapEveryMs = 1_000;

export interface StartOptions extends ConfigOption {
  allowMissingSandbox?: boolean;
}

export async function start(options: StartOptions): Promise<void> {
  const config = await loadConfig(options);
  requireClosedMemory(process.execArgv, process.env);
  const followers = makeFollowers();
  const osSandbox = config.executor.osSandbox ?? (options.allowMissingSandbox ? "preferred" : "required");
  const runtime = await openRuntime({
    config,
    role: "start",
    osSandbox,
    onEvent: (event) => {
      followers.tell(event);
      if (event.type === "accepted") say(`accepted ${event.job} ${event.runId}`);
      if (event.type === "ended") say(`ended    ${event.record.job} ${event.runId} ${event.record.state}`);
    },
    onWarning: warn,
  });
  guardOwnProcess(runtime, warn);
  try {
    await serve(runtime, followers, osSandbox);
  } finally {
    await runtime.close();
  }
}

async function serve(runtime: Runtime, followers: Followers, osSandbox: "required" | "preferred"): Promise<void> {
  const { config, scheduler, broker, reaper, store, state } = runtime;
  const stopping = untilStopped(() => scheduler.killAll("killed by a second signal"));
  const found = await reaper.recover({ launch: false });
  if (found.runs + found.leases + found.directories > 0) {
    say(
      `recovered ${found.runs} runs, ${found.leases} leases, ${found.directories} directories; ${found.unconfirmed} leases unconfirmed`,
    );
  }
  const tried = await tryBeforeServing({ runtime, osSandbox, env: process.env });
  say(tried);
  warnOfMissing(runtime);
  await reaper.takeOver();
  await openIssuers(runtime);
  const control = await serveControl(state.socket, {
    async submit({ job, input, key }) {
      const { id, isNew } = await scheduler.submit({
        job,
        input,
        trigger: key === undefined ? { kind: "submit" } : { kind: "submit", key },
      });
      return { id, isNew };
    },
    follow: (id, onEvent) => followers.follow(id, onEvent, runtime),
    kill: (id) => isRunId(id) && scheduler.kill(id, "killed by its submitter"),
    async revoke({ target, reason }, onEnd) {
      await broker.revoke(target, `revoked: ${escapeLine(reason, 500)}`, onEnd);
    },
    status: () => ({ ...scheduler.active(), pid: process.pid }),
  });
  await store.commit([{ audit: { type: "start", detail: `${runtime.owner.id}; ${tried}` } }]);
  scheduler.startSchedules();
  const reaping = setInterval(() => {
    void reaper.tick().catch((error: Error) => warn(error.message));
    runtime.mark();
  }, reapEveryMs);
  say(`ready: ${Object.keys(config.jobs).length} jobs, socket ${state.socket}`);
  const signal = await Promise.race([stopping, store.whenFenced]);
  if (typeof signal !== "string") {
    clearInterval(reaping);
    await scheduler.drain(0);
    await control.close();
    throw signal;
  }
  say(`${signal}: draining for at most ${formatDuration(config.scheduler.drainMs)}`);
  await scheduler.drain(config.scheduler.drainMs);
  clearInterval(reaping);
  await control.close();
  await store.commit([{ audit: { type: "stop", detail: signal } }]);
  if (signal === "SIGINT") process.exitCode = exitCodes.interrupted;
}

// Once an executor has come up behind its layers, the pool knows which of them are missing.
function warnOfMissing({ pool, config }: Runtime): void {
  warnOfMissingLayers(pool.layers());
  if (config.executor.osSandbox === "preferred")
    warn('executor.osSandbox is "preferred": this process serves although a layer may be missing');
}

// Tokens of the embedded issuers are verified by others all the time, so one that can't listen is fatal. A database is
// asked when a run needs it; what is missing for it is said now.
async function openIssuers({ config, issuer }: Runtime): Promise<void> {
  for (const { name, kind } of Object.values(config.issuers)) {
    if (kind === "jwt") await issuer(name);
    else await issuer(name).catch((error: MayflyError) => warn(`${error.message}; its jobs will fail`));
  }
}

/** Resolves at the first SIGTERM, SIGINT or SIGHUP; calls `kill` at a second SIGINT. */
function untilStopped(kill: () => void): Promise<string> {
  return new Promise((resolve) => {
    let interrupts = 0;
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      process.on(signal, () => {
        if (signal === "SIGINT") interrupts += 1;
        if (interrupts > 1) kill();
        resolve(signal);
      });
    }
  });
}

interface Followers {
  tell(event: RunEvent): void;
  follow(id: string, onEvent: (event: RunEvent) => void, runtime: Runtime): () => void;
}

// Who follows a run gets its events from then on; of a run that has ended, its record.
function makeFollowers(): Followers {
  const byRun = new Map<string, Set<(event: RunEvent) => void>>();
  return {
    tell(event) {
      for (const follower of byRun.get(event.runId) ?? []) follower(event);
      if (event.type === "ended") byRun.delete(event.runId);
    },
    follow(id, onEvent, { store }) {
      const row = isRunId(id) ? store.run(id) : undefined;
      if (row === undefined) throw new MayflyError({ code: "run_unknown", message: `there is no run ${id}` });
      if (row.record.endedAt !== null) {
        onEvent({ type: "ended", runId: id, record: row.record });
        return () => {};
      }
      const followers = byRun.get(id) ?? new Set();
      byRun.set(id, followers.add(onEvent));
      return () => followers.delete(onEvent);
    },
  };
}
