// `testRun`: an author's job in a real isolate and a real process, under the grants of the real config, with a stand-in
// for the credential and handlers for the network. Its state lives in a directory of its own that is gone afterwards.
import { loadConfigFile } from "../adapters/system/config-file.ts";
import { withTemporaryDirectory } from "../adapters/system/temporary-directory.ts";
import { recordingForTest } from "../compose/replay.ts";
import { openRuntime, type Runtime } from "../compose.ts";
import { type Config, parseConfig } from "../config.ts";
import type { Recording } from "../core/recording/recording.ts";
import type { Denial, RunRecord } from "../model/run.ts";
import type { QueryRequest, QueryResult } from "../ports/credential-issuer.ts";
import type { LogLine } from "../ports/run-archive.ts";
import type { ManualClock } from "./manual-clock.ts";
import { type HandledRequest, makeHandlerClient, type NetworkHandlers } from "./network-handlers.ts";
import { isRecordedNetwork, makeRecordedClient, type RecordedNetwork } from "./recorded-network.ts";
import { makeStandInIssuer } from "./stand-in-issuer.ts";

export interface TestRunOptions {
  /** JSON value. */
  input?: unknown;
  /** Path of the config; by default sandbox.config.ts from the working directory upwards. */
  config?: string;
  /**
   * Servers of this test: handlers, or a recording that answers for them. What neither has fails as if nothing listened.
   */
  network?: NetworkHandlers | RecordedNetwork;
  /** What `credential.query` answers. */
  query?: (sql: string, params: QueryRequest["params"]) => QueryResult | Promise<QueryResult>;
  /** The job's time; real time by default. */
  clock?: ManualClock;
  /** Guest path of a mount to a host path: replaces the config's for this test. A mount that the config doesn't have is an error. */
  mounts?: Record<string, string>;
}

export interface TestRunResult {
  /** As in the run record; what the job did, not what a test expects. */
  state: RunRecord["state"];
  result: unknown;
  error: RunRecord["error"];
  logs: LogLine[];
  /** Files of /output, by their path below it. */
  outputs: Map<string, Uint8Array>;
  requests: HandledRequest[];
  denials: Denial[];
  /** States that the lease went through, in order; null without one. */
  lease: { states: string[]; scope: readonly string[]; purpose: string; proof: string | null } | null;
  record: RunRecord;
}

// An address that counts as public: nothing is ever dialled, since handlers stand where the client would.
const anyPublicAddress = "198.41.0.4";

/** Rejects with MayflyError when the config or the job's bundle is wrong; what the job itself does is in the result. */
export async function testRun(job: string, options: TestRunOptions = {}): Promise<TestRunResult> {
  return withTemporaryDirectory("mayfly-test-", async (stateDirectory) => {
    const config = await readConfig(options);
    const { network } = options;
    const recorded = isRecordedNetwork(network) ? await recordingForTest(config, network.source) : undefined;
    return runOnce(job, testConfig(job, config, options, stateDirectory), { ...options, recorded });
  });
}

async function readConfig(options: TestRunOptions): Promise<Config> {
  const file = await loadConfigFile(options.config, process.cwd());
  return parseConfig(file.value, file);
}

function testConfig(job: string, config: Config, options: TestRunOptions, stateDirectory: string): Config {
  const spec = config.jobs[job];
  const identity = { ...config.identity, listen: { ...config.identity.listen, port: 0 } }; // beside whatever runs
  const keys = { provider: "file" as const, rotationMs: config.keys.rotationMs }; // a test needs no module or service
  const ours = { ...config, stateDirectory, identity, keys };
  if (spec === undefined || options.mounts === undefined) return ours;
  for (const guest of Object.keys(options.mounts)) {
    if (!Object.hasOwn(spec.grants.files.mounts, guest))
      throw new RangeError(`job ${job} has no mount ${guest} in the config`);
  }
  const files = { ...spec.grants.files, mounts: { ...spec.grants.files.mounts, ...options.mounts } };
  return { ...ours, jobs: { ...config.jobs, [job]: { ...spec, grants: { ...spec.grants, files } } } };
}

async function runOnce(
  job: string,
  config: Config,
  options: TestRunOptions & { recorded: Recording | undefined },
): Promise<TestRunResult> {
  const requests: HandledRequest[] = [];
  const { network = {}, recorded } = options;
  const handlers = isRecordedNetwork(network) ? {} : network;
  const issuer = makeStandInIssuer(options.query === undefined ? {} : { query: options.query });
  const { clock } = options;
  const runtime = await openRuntime({
    config,
    role: "test",
    jobs: [job],
    osSandbox: "preferred",
    onEvent: () => {},
    onWarning: () => {},
    world: {
      resolver: { resolve: async () => [anyPublicAddress] },
      openHttpClient: () =>
        recorded === undefined ? makeHandlerClient(handlers, requests) : makeRecordedClient(recorded, requests),
      issuer: async () => issuer,
      ...(clock === undefined ? {} : { guestTime: { nowMs: clock.nowMs, timers: clock.timers } }),
    },
  });
  try {
    const input = JSON.stringify(options.input ?? null);
    const { done } = await runtime.scheduler.submit({ job, input, trigger: { kind: "test" } });
    return await collectResult(runtime, await done, requests);
  } finally {
    await runtime.close();
  }
}

async function collectResult(runtime: Runtime, record: RunRecord, requests: HandledRequest[]): Promise<TestRunResult> {
  const { store, archive } = runtime;
  const outputs = new Map<string, Uint8Array>();
  for (const output of record.outputs) {
    const pieces: Uint8Array[] = [];
    for await (const piece of archive.readOutput(record.id, output)) pieces.push(piece);
    outputs.set(output.path, new Uint8Array(Buffer.concat(pieces)));
  }
  const lease = store.lease(record.id);
  const states = store
    .auditEntries(1, 10_000)
    .filter(({ event }) => event.type.startsWith("lease."))
    .map(({ event }) => event.type.slice("lease.".length));
  const { state, result, error, denials } = record;
  return {
    state,
    result,
    error,
    logs: await archive.logLines(record.id),
    outputs,
    requests,
    denials,
    lease: lease === undefined ? null : { states, scope: lease.scope, purpose: lease.purpose, proof: lease.proof },
    record,
  };
}
