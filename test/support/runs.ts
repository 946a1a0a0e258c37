// Jobs given as text, run in real executors through the whole runtime, in a state directory of their own. The credential
// is a stand-in's; everything else is as in production. `end` closes the runtime and looks at what is left behind.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import type { Test } from "tap";
import tmp from "tmp";
import { makeBundler } from "../../runtime/adapters/system/esbuild-bundler.ts";
import type { SandboxedPool } from "../../runtime/adapters/system/executor-pool.ts";
import { isRunning, readStat } from "../../runtime/adapters/system/proc.ts";
import { openRuntime, type Runtime } from "../../runtime/compose.ts";
import { parseConfig } from "../../runtime/config.ts";
import { parseNetworkRule } from "../../runtime/model/allowlist.ts";
import type { CredentialGrant, IsolateGrant, NetworkRule } from "../../runtime/model/grant.ts";
import type { RunId } from "../../runtime/model/ids.ts";
import type { JobSpec } from "../../runtime/model/job.ts";
import { defaultFileQuota, defaultLimits, type FileQuota, type Limits } from "../../runtime/model/limits.ts";
import type { RunRecord } from "../../runtime/model/run.ts";
import type { RunEvent } from "../../runtime/model/run-event.ts";
import type { Bundle } from "../../runtime/ports/bundler.ts";
import { type ResidueWatch, watchResidue } from "../../runtime/testkit/residue.ts";
import { makeStandInIssuer, type StandInIssuer, type StandInOptions } from "../../runtime/testkit/stand-in-issuer.ts";

export interface JobUnderTest {
  /** Body of an async function with the job's context as `c`; runs as it stands. */
  body?: string;
  /** A TypeScript module, or whatever stands in its place, bundled as any job's is. */
  module?: string | Uint8Array;
  limits?: Partial<Limits>;
  /** Whose job it is; "test" by default. */
  tenant?: string;
  /** Lines of `network.allow`. */
  network?: string[];
  /** Guest path to host path. */
  mounts?: Record<string, string>;
  quota?: Partial<FileQuota>;
  /** Also false: what a job without a grant has. An object: the stand-in's grant with these changes. */
  credential?: boolean | Partial<CredentialGrant>;
  isolate?: IsolateGrant;
  /** Recorded, within so many bytes. */
  record?: number;
}

export interface RunsOptions {
  /** How the stand-in mints. */
  issuer?: StandInOptions;
  /** Stands in the executor's place: a script of its own behind the same walls. */
  executorScript?: string;
  /** Addresses of names; whatever is asked has none otherwise. */
  names?: Record<string, string[]>;
  /** Events that are not kept, where what is measured is memory. */
  forget?: (event: RunEvent) => boolean;
  /** Executors of another make; who gave it closes it. */
  pool?: SandboxedPool;
  /** Executors serve so many runs of a job. */
  reuse?: number;
}

export interface Started {
  id: RunId;
  pid: number;
  /** True while the very process that was launched is there. */
  isThere(): boolean;
  done: Promise<RunRecord>;
}

export interface Runs {
  readonly runtime: Runtime;
  readonly issuer: StandInIssuer;
  /** Of all runs, in order. */
  readonly events: RunEvent[];
  /** Where `bells` of neighbours and other host files of the test lie. */
  readonly directory: string;
  run(job: string, input?: unknown): Promise<RunRecord>;
  /** Resolves once the executor has the job. */
  start(job: string, input?: unknown): Promise<Started>;
  /** Resolves with the first event, past or to come, that fits. */
  event(fits: (event: RunEvent) => boolean): Promise<RunEvent>;
  logs(run: { id: string }): Promise<string[]>;
  /** A benign run that goes on until it is told to finish; its result is `{own: …, ticks}`. */
  neighbour(): Promise<{ done(): Promise<RunRecord>; own: string }>;
  /** Closes all, and fails the test for whatever is left. */
  end(t: Test): Promise<void>;
}

const neighbourName = "neighbour";
const neighbourBody = `
  let ticks = 0;
  c.log.info("here");
  while ((await c.files.stat("/bells/" + c.input)) === null) {
    ticks += 1;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return { own: "result of " + c.input, ticks };
`;

/** Opens one runtime for these jobs, by name. */
export async function openRuns(jobs: Record<string, JobUnderTest>, options: RunsOptions = {}): Promise<Runs> {
  await build({ stdin: { contents: "" }, write: false }); // esbuild's service is there before the watch begins
  const residue = watchResidue();
  const { name: directory } = tmp.dirSync({ prefix: "mayfly-runs-", mode: 0o700, keep: true });
  const bells = join(directory, "bells");
  mkdirSync(bells);
  const all: Record<string, JobUnderTest> = {
    ...jobs,
    [neighbourName]: { body: neighbourBody, mounts: { "/bells": bells }, limits: { wallMs: 110_000, cpuMs: 60_000 } },
  };
  const events: RunEvent[] = [];
  const listeners = new Set<(event: RunEvent) => void>();
  const issuer = makeStandInIssuer(options.issuer);
  const base = parseConfig({ jobs: {} }, { directory, path: join(directory, "sandbox.config.ts") });
  const specs = Object.entries(all).map(([name, job]) => specOf(name, job, directory));
  const bundler = makeBundler({ directory, stateDirectory: base.stateDirectory });
  const runtime = await openRuntime({
    config: {
      ...base,
      executor: { ...base.executor, reuse: reuseOf(options.reuse) },
      jobs: Object.fromEntries(specs.map((spec) => [spec.name, spec])),
    },
    role: "test",
    osSandbox: "preferred",
    env: process.env,
    onEvent: (event) => {
      if (options.forget?.(event) !== true) events.push(event);
      for (const listener of [...listeners]) listener(event);
    },
    onWarning: (message) => process.stderr.write(`${message}\n`),
    warm: false,
    world: {
      issuer: async () => issuer,
      ...(options.pool === undefined ? {} : { pool: options.pool }),
      resolver: { resolve: async (host) => options.names?.[host] ?? [] },
      bundle: async (spec) => {
        const body = all[spec.name]?.body;
        return body === undefined ? bundler.bundle(spec.entry) : scriptBundle(body);
      },
    },
  });
  if (options.executorScript !== undefined) replaceExecutor(base.stateDirectory, options.executorScript);

  const event: Runs["event"] = (fits) => {
    const past = events.find(fits);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve) => {
      const listener = (each: RunEvent) => {
        if (!fits(each)) return;
        listeners.delete(listener);
        resolve(each);
      };
      listeners.add(listener);
    });
  };

  async function start(job: string, input: unknown = null): Promise<Started> {
    const { id, done } = await runtime.scheduler.submit({
      job,
      input: JSON.stringify(input),
      trigger: { kind: "test" },
    });
    const launched = await event(({ type, runId }) => runId === id && (type === "launched" || type === "ended"));
    const pid = launched.type === "launched" ? launched.pid : 0;
    const startTicks = runtime.store.run(id)?.startTicks ?? readStat(pid)?.startTicks ?? 0;
    return { id, pid, done, isThere: () => isRunning(pid, startTicks) };
  }

  let bellsRung = 0;
  return {
    runtime,
    issuer,
    events,
    directory,
    event,
    start,
    run: async (job, input = null) => (await start(job, input)).done,
    logs: async ({ id }) => (await runtime.archive.logLines(id)).map((line) => line.text),
    async neighbour() {
      bellsRung += 1;
      const bell = `bell-${bellsRung}`;
      const { id, done } = await start(neighbourName, bell);
      await event((each) => each.runId === id && each.type === "log");
      return {
        own: `result of ${bell}`,
        done: () => {
          writeFileSync(join(bells, bell), "");
          return done;
        },
      };
    },
    end: (t) => end(t, { runtime, issuer, directory, residue }),
  };
}

interface Ended {
  runtime: Runtime;
  issuer: StandInIssuer;
  directory: string;
  residue: ResidueWatch;
}

/** How long the kernel may take over what has ended already, ms: far more than it needs. */
const settleMs = 5_000;

async function end(t: Test, { runtime, issuer, directory, residue }: Ended): Promise<void> {
  const { store, state } = runtime;
  t.same(runtime.scheduler.active(), { running: 0, waiting: 0 }, "no run is going on");
  t.same(store.openLeases(), [], "no lease is open");
  t.same(await issuer.sweep(AbortSignal.abort()), [], "no credential is good");
  t.same(store.unfinishedRuns(), [], "no run is unfinished");
  const { installation } = store;
  await runtime.close();
  const left = await residue.settle({ stateDirectory: state.path, installation }, settleMs);
  rmSync(directory, { recursive: true, force: true });
  t.same(left, [], "no process, descriptor, directory or control group is left");
}

function reuseOf(runsMax: number | undefined): { runsMax: number } | null {
  return runsMax === undefined ? null : { runsMax };
}

/** What the config would have made of it. A module is written to `directory`. */
export function specOf(name: string, job: JobUnderTest, directory: string): JobSpec {
  const entry = join(directory, "jobs", `${name}.ts`);
  if (job.module !== undefined) {
    mkdirSync(join(directory, "jobs"), { recursive: true });
    writeFileSync(entry, job.module);
  }
  return {
    name,
    entry,
    tenant: job.tenant ?? "test",
    schedule: null,
    grants: {
      network: { allow: (job.network ?? []).map(ruleOf), privateAddresses: ["127.0.0.0/8"] },
      files: { mounts: job.mounts ?? {}, quota: { ...defaultFileQuota, ...job.quota } },
      credential: grantOf(job.credential ?? false),
      identity: null,
      ...(job.isolate === undefined ? {} : { isolate: job.isolate }),
    },
    limits: { ...defaultLimits, ...job.limits },
    ...(job.record === undefined ? {} : { record: { bytesMax: job.record } }),
  };
}

function grantOf(asked: boolean | Partial<CredentialGrant>): CredentialGrant | null {
  return asked === false ? null : { ...standInGrant, ...(asked === true ? {} : asked) };
}

const standInGrant: CredentialGrant = {
  issuer: "stand-in",
  scope: ["test:read"],
  ttlMs: 120_000,
  delivery: "revealed",
  purpose: "a test",
  ...{ idleMs: null, usesMax: null, onLeak: "revoke" },
};

function ruleOf(line: string): NetworkRule {
  const parsed = parseNetworkRule(line);
  if (!parsed.ok) throw new RangeError(parsed.message);
  return parsed.rule;
}

/** A job's body as it stands, without esbuild. */
export function scriptBundle(body: string): Bundle {
  const code = Buffer.from(`__mayflyRegister({ kind: "mayfly.job", run: async (c) => { ${body} } });`);
  return { code, digest: `sha256:${createHash("sha256").update(code).digest("hex")}`, sourceMap: "{}", inputs: [] };
}

/** The executor's script lies in the cache under a name that says its content; it is read when an executor is spawned. */
export function replaceExecutor(stateDirectory: string, script: string): void {
  const cache = join(stateDirectory, "cache");
  const name = readdirSync(cache).find((each) => each.startsWith("executor-"));
  writeFileSync(join(cache, name ?? "executor"), script);
}
