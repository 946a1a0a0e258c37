// The runtime that a campaign attacks: the real one, with hostile jobs of one tenant and a good job of another. Answers for
// noting when a good run was accepted and launched; what is submitted is supervisor.ts's.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openRuntime, type Runtime } from "../../runtime/compose.ts";
import { parseConfig } from "../../runtime/config.ts";
import { verifyChain } from "../../runtime/core/audit/chain.ts";
import type { RunEvent } from "../../runtime/model/run-event.ts";
import type { ResidueScope } from "../../runtime/testkit/residue.ts";
import { makeStandInIssuer, type StandInIssuer } from "../../runtime/testkit/stand-in-issuer.ts";
import { type JobUnderTest, replaceExecutor, scriptBundle, specOf } from "../support/runs.ts";
import { hostileLimits, hostileQuota, type Kind, wallMs } from "./kind.ts";

export const goodJob = "good";

export interface HostileWorld {
  runtime: Runtime;
  layersArmed: number;
  scope: ResidueScope;
  /** Closes it. @returns what it still held, and what its audit log says. */
  end(): Promise<string[]>;
}

export interface HostileWorldOptions {
  /** Of its own. */
  directory: string;
  kinds: readonly Kind[];
  concurrency: number;
  serverPort: number;
  /** Stands in the executor's place. */
  executorScript?: string;
  onEvent(event: RunEvent): void;
  onWarning(message: string): void;
}

export async function openHostileWorld(options: HostileWorldOptions): Promise<HostileWorld> {
  const { directory, kinds, concurrency, serverPort, executorScript, onEvent, onWarning } = options;
  mkdirSync(directory, { recursive: true });
  const jobs: Record<string, JobUnderTest> = { [goodJob]: { body: "return 7;", tenant: "good" } };
  for (const kind of kinds) jobs[kind.name] = hostileJob(kind, serverPort);
  const specs = Object.entries(jobs).map(([name, job]) => specOf(name, job, directory));
  const base = parseConfig(
    { jobs: {}, scheduler: { concurrency } },
    { directory, path: join(directory, "sandbox.config.ts") },
  );
  const issuer = makeStandInIssuer();
  const runtime = await openRuntime({
    config: { ...base, jobs: Object.fromEntries(specs.map((spec) => [spec.name, spec])) },
    role: "start",
    osSandbox: "preferred",
    env: process.env,
    onEvent,
    onWarning,
    warm: executorScript === undefined,
    world: {
      issuer: async () => issuer,
      resolver: { resolve: async (host) => (host === "server.test" ? ["127.0.0.1"] : []) },
      bundle: async (spec) => scriptBundle(jobs[spec.name]?.body ?? ""),
    },
  });
  if (executorScript !== undefined) replaceExecutor(base.stateDirectory, executorScript);
  return {
    runtime,
    layersArmed: runtime.pool.layers().filter(({ armed }) => armed).length,
    scope: { stateDirectory: runtime.state.path, installation: runtime.store.installation },
    end: () => end(runtime, issuer),
  };
}

function hostileJob(kind: Kind, serverPort: number): JobUnderTest {
  return {
    ...kind.job,
    body: withPort(kind.body, serverPort),
    tenant: "hostile",
    limits: { ...hostileLimits, wallMs: kind.wallMs ?? wallMs },
    quota: hostileQuota,
    network: [`GET,POST http://server.test:${serverPort}/*`],
  };
}

/** The misbehaving server has any free port: bodies and inputs name it without. */
export function withPort(text: string, serverPort: number): string {
  return text.replaceAll("http://server.test/", `http://server.test:${serverPort}/`);
}

async function end(runtime: Runtime, issuer: StandInIssuer): Promise<string[]> {
  const { store, scheduler, seals } = runtime;
  const { running, waiting } = scheduler.active();
  const live = await issuer.sweep(AbortSignal.abort());
  const audit = verifyChain((from) => store.auditEntries(from, 1_000), store.auditHead(), seals);
  const left = [
    ...(running + waiting > 0 ? [`${running} runs going on, ${waiting} waiting`] : []),
    ...store.openLeases().map(({ runId }) => `lease of ${runId} is open`),
    ...live.map(({ runId }) => `credential of ${runId} is good`),
    ...store.unfinishedRuns().map(({ record }) => `run ${record.id} is unfinished`),
    ...(audit.ok ? [] : [`the audit log is broken: ${audit.reason}`]),
  ];
  await runtime.close();
  return left;
}
