// One run on one screen: launch → run → end. What leads to the end (a result, an error, a limit, a kill, a crash) is one
// `Ending`, and the first one counts; teardown.ts then takes everything away in one order, whatever the ending was.
import type { AuditEvent } from "../../model/audit-event.ts";
import { messageOf } from "../../model/error.ts";
import type { RunId } from "../../model/ids.ts";
import type { JobSpec } from "../../model/job.ts";
import { type LimitCode, noUsage, type RunRecord, type Trigger, type Usage } from "../../model/run.ts";
import type { RunEvent } from "../../model/run-event.ts";
import { isoTime } from "../../model/units.ts";
import type { Bundle } from "../../ports/bundler.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ExecutorPool, ExecutorProcess } from "../../ports/executor-process.ts";
import type { FileTree, FileTrees } from "../../ports/file-tree.ts";
import type { OpenHttpClient } from "../../ports/http-client.ts";
import type { IdentityIssuer } from "../../ports/identity.ts";
import type { Random } from "../../ports/random.ts";
import type { Recordings } from "../../ports/recordings.ts";
import type { Resolver } from "../../ports/resolver.ts";
import type { RunArchive } from "../../ports/run-archive.ts";
import type { RunRow, Store } from "../../ports/store.ts";
import { decodeUp } from "../../protocol/channel.ts";
import type { CodeCaches } from "../bundle/code-cache.ts";
import { verifiedDigest } from "../bundle/digest.ts";
import { makeCredential } from "../capabilities/credential.ts";
import { makeFiles } from "../capabilities/files.ts";
import { type Gate, type HostTimers, makeGate } from "../capabilities/gate.ts";
import { guardLog } from "../capabilities/guarded-log.ts";
import { guardOperations } from "../capabilities/guarded-operations.ts";
import { makeIdentity } from "../capabilities/identity.ts";
import { makeLog } from "../capabilities/log.ts";
import { makeNetwork } from "../capabilities/network.ts";
import type { Broker } from "../leases/broker.ts";
import { leaseOf } from "../leases/reaper.ts";
import { type Ending, errorOf, exitEnding, failureEnding, limitEnding, resultEnding } from "./endings.ts";
import { type LaunchTime, launchFrame } from "./launch.ts";
import { keeperOf, reuseKeyOf } from "./reuse.ts";
import { guardRun, type RunGuard } from "./run-guard.ts";
import { namedRun, newRecord } from "./run-record.ts";
import { type RunRecording, recordRun } from "./run-recording.ts";
import { tearDown } from "./teardown.ts";

export { newRecord } from "./run-record.ts";

/** The job's `signal` is aborted this long before its wall time is over, or at nine tenths of it. */
const noticeMs = 1_000;

export interface RunOrder {
  id: RunId;
  spec: JobSpec;
  trigger: Trigger;
  /** JSON text. */
  input: string;
  bundle: Bundle;
  acceptedAt: string;
}

export interface RunParts {
  store: Store;
  clock: Clock;
  random: Random;
  broker: Broker;
  pool: ExecutorPool;
  trees: FileTrees;
  openHttpClient: OpenHttpClient;
  resolver: Resolver;
  identity: IdentityIssuer;
  archive: RunArchive;
  recordings: Recordings;
  /** Absent: bundles are compiled anew for each run. */
  codeCaches?: CodeCaches;
  /** This process, as registered in the store. */
  owner: string;
  onEvent(event: RunEvent): void;
  /** Test kit: the guest's time stands still until these move it. */
  guestTime?: { nowMs(): number; timers: HostTimers };
}

/** What a run holds while it goes on. */
interface Held {
  executor: ExecutorProcess;
  tree: FileTree;
}

/**
 * Runs one accepted order to its end and takes everything away. Never rejects for what a job does; rejects with
 * MayflyError when the ledger can't be written, after the teardown.
 * @param stop aborted to kill the run; its reason goes into the record.
 */
export async function executeRun(order: RunOrder, parts: RunParts, stop: AbortSignal): Promise<RunRecord> {
  const record = newRecord(order, parts.identity);
  if (stop.aborted)
    return finish(order, parts, { ...record, ...killedEnding(stop), endedAt: isoTime(parts.clock.nowMs()) });
  let held: Held;
  try {
    verifiedDigest(order.bundle);
    held = await prepare(order, parts);
  } catch (error) {
    return finish(order, parts, {
      ...record,
      state: "failed",
      error: errorOf(error),
      endedAt: isoTime(parts.clock.nowMs()),
    });
  }
  const launchedAt = parts.clock.nowMs();
  const running: RunRecord = {
    ...record,
    state: "running",
    startedAt: isoTime(launchedAt),
    layers: [...held.executor.layers],
  };
  const usage: Usage = { ...noUsage };
  const recording = recordRun(order, parts);
  const live = wire(order, parts, held, usage, launchedAt, recording);
  let ending: Ending;
  const startedMs = parts.clock.monotonicMs();
  try {
    await parts.store.commit([
      { put: "run", row: rowOf(running, order, parts, held.executor) },
      {
        audit: {
          ...about(order),
          type: "run.launched",
          ...(record.spiffeId === undefined ? {} : { spiffeId: record.spiffeId }),
          detail: `bundle ${order.bundle.digest}, pid ${held.executor.pid}`,
        },
      },
    ]);
    parts.onEvent({ type: "launched", runId: order.id, pid: held.executor.pid });
    ending = live.guarded.ending(await untilEnd(order, parts, held.executor, live, stop));
  } catch (error) {
    ending = { state: "failed", result: null, error: errorOf(error) };
  }
  usage.wallMs = Math.round(parts.clock.monotonicMs() - startedMs);
  held.executor.usage(); // read while it is still there
  parts.onEvent({ type: "result", runId: order.id, state: ending.state });
  const gone = await tearDown({
    order,
    parts: live.guarded.parts,
    held,
    gate: live.gate,
    client: live.client,
    outputs: live.outputs,
    ending,
    keep: keeperOf(order, parts, { executor: held.executor, gate: live.gate }),
  });
  const kept = await recording?.close(ending);
  const measured = held.executor.usage();
  Object.assign(usage, { cpuMs: measured.cpuMs, memoryBytesPeak: measured.rssBytesPeak });
  const lease = parts.store.lease(order.id);
  const ended: RunRecord = live.guarded.record({
    ...running,
    ...live.guarded.verdict(gone.ending),
    endedAt: isoTime(parts.clock.nowMs()),
    usage,
    denials: live.gate.denials,
    outputs: gone.outputs,
    teardown: gone.teardown,
    lease: lease === undefined ? null : leaseOf(lease),
    ...(kept === undefined ? {} : { recording: kept }),
  });
  return finish(order, parts, ended, gone.teardown.process === "unconfirmed" ? held.executor : null);
}

function killedEnding({ reason }: AbortSignal): Ending {
  return { state: "killed", result: null, error: { code: "killed", message: messageOf(reason) } };
}

async function prepare(order: RunOrder, { pool, trees }: RunParts): Promise<Held> {
  const { id, spec } = order;
  const [executor, tree] = await Promise.allSettled([
    pool.take(executorClassOf(spec), reuseKeyOf(order)),
    trees.open(id, spec.grants.files.mounts),
  ]);
  if (executor.status === "fulfilled" && tree.status === "fulfilled")
    return { executor: executor.value, tree: tree.value };
  if (executor.status === "fulfilled") await executor.value.kill(5_000);
  if (tree.status === "fulfilled") await tree.value.destroy();
  throw executor.status === "rejected" ? executor.reason : (tree as PromiseRejectedResult).reason;
}

export function executorClassOf({ limits }: JobSpec): { memoryBytes: number; cpuMs: number } {
  return { memoryBytes: limits.memoryBytes, cpuMs: limits.cpuMs };
}

interface Live extends LaunchTime {
  gate: Gate;
  guarded: RunGuard;
  client: ReturnType<OpenHttpClient>;
  outputs: ReturnType<typeof makeFiles>["outputs"];
  end(ending: Ending): void;
  ended: Promise<Ending>;
}

// Gives the run its capabilities: each gets its grant and its mechanism, and the gate gets them all, with the leak guard
// around them.
function wire(
  order: RunOrder,
  given: RunParts,
  { executor, tree }: Held,
  usage: Usage,
  launchedAt: number,
  recording: RunRecording | null,
): Live {
  const { id, spec } = order;
  const recorder = recording?.recorder;
  const { promise: ended, resolve } = Promise.withResolvers<Ending>();
  // The first ending counts, and of what was sent behind it nothing is done any more.
  const end = (ending: Ending) => {
    resolve(ending);
    gate.shut();
  };
  const guarded = guardRun(order, given, end);
  const { guard, parts } = guarded;
  const onLimit = (limit: LimitCode) => end(limitEnding(limit, spec));
  const credential = makeCredential({
    job: spec.name,
    grant: spec.grants.credential,
    random: parts.random,
    acquire: async (grant) => {
      const live = await parts.broker.acquire({
        runId: id,
        job: spec.name,
        tenant: spec.tenant,
        grant,
        deadlineAt: launchedAt + spec.limits.wallMs,
      });
      guard.arm(live.parts); // before the job has it
      recorder?.arm(live.parts);
      parts.onEvent({ type: "lease", runId: id, issuer: grant.issuer, state: "issued", detail: grant.scope.join(" ") });
      return live;
    },
  });
  const client = parts.openHttpClient();
  const { sealed } = credential;
  const network = makeNetwork({
    grant: spec.grants.network,
    sealed,
    guard,
    resolver: parts.resolver,
    client,
    limits: spec.limits,
    clock: parts.clock,
  });
  const identity = makeIdentity({
    run: namedRun(order),
    grant: spec.grants.identity,
    deadlineAt: launchedAt + spec.limits.wallMs,
    issuer: parts.identity,
  });
  const files = makeFiles({ grant: spec.grants.files, tree });
  const log = makeLog({
    logBytes: spec.limits.logBytes,
    clock: parts.clock,
    write: (line) => {
      parts.archive.appendLog(id, line);
      recorder?.logged(line);
      parts.onEvent({ type: "log", runId: id, level: line.level, text: line.text, at: line.at });
    },
    onFlood: () => onLimit("logs"),
  });
  const timers = parts.guestTime?.timers ?? recording?.timers ?? null;
  const gate = makeGate({
    runId: id,
    job: spec.name,
    operations: guardOperations(
      {
        "files.read": files.read,
        "files.write": files.write,
        "files.list": files.list,
        "files.stat": files.stat,
        "files.mkdir": files.mkdir,
        "files.remove": files.remove,
        "http.request": network.request,
        ...credential.operations,
        "identity.token": identity,
      },
      guard,
    ),
    log: guardLog(log, guard),
    timers,
    usage,
    callsMax: spec.limits.calls,
    reply: (header, body) => {
      recorder?.answered(header, body);
      executor.send({ header: { ...header }, body });
    },
    drained: () => executor.drained(),
    listen: (wanted) => executor.listen(wanted),
    record: (event: AuditEvent) => parts.store.note(guard.cleanAll(event)),
    onDenied: (denial) => parts.onEvent({ type: "denied", runId: id, denial }),
    onLimit,
    onCall: (call, body) => recorder?.called(call, body),
  });
  return { gate, timers, recording, guarded, client, outputs: files.outputs, end, ended };
}

async function untilEnd(
  order: RunOrder,
  parts: RunParts,
  executor: ExecutorProcess,
  live: Live,
  stop: AbortSignal,
): Promise<Ending> {
  const { spec } = order;
  const { wallMs } = spec.limits;
  const onStop = () => live.end(killedEnding(stop));
  const notice = () => {
    const reason = "the run's time is nearly over";
    const at = live.timers === null ? {} : { nowMs: live.timers.nowMs() };
    live.recording?.recorder.signalled(reason, at.nowMs ?? 0);
    executor.send({ header: { type: "signal", reason, ...at }, body: new Uint8Array(0) });
  };
  const cancelNotice = parts.clock.setTimer(wallMs - Math.min(noticeMs, wallMs / 10), notice);
  const cancelDeadline = parts.clock.setTimer(wallMs, () => live.end(limitEnding("timeout", spec)));
  stop.addEventListener("abort", onStop, { once: true });
  void executor.exited.then((exit) => live.end(exitEnding(exit, spec)));
  executor.onGarbage((reason) =>
    live.end({
      state: "failed",
      result: null,
      error: { code: "crash", message: `the executor spoke out of turn: ${reason}` },
    }),
  );
  executor.onFrame((frame) => {
    const up = decodeUp(frame);
    if (up.type === "call") live.gate.handle(up.frame);
    else if (up.type === "done") live.end(resultEnding(up.result, spec));
    else if (up.type === "failed") live.end(failureEnding(up.failure, order));
    else
      live.end({ state: "failed", result: null, error: { code: "crash", message: "the executor spoke out of turn" } });
  });
  executor.watch({ cpuMs: spec.limits.cpuMs, memoryBytes: spec.limits.memoryBytes }, (limit) =>
    live.end(limitEnding(limit, spec)),
  );
  executor.send(launchFrame(order, parts, live));
  if (stop.aborted) onStop();
  try {
    return await live.ended;
  } finally {
    cancelNotice();
    cancelDeadline();
    stop.removeEventListener("abort", onStop);
  }
}

function about({ id, spec }: RunOrder): { runId: string; job: string } {
  return { runId: id, job: spec.name };
}

function rowOf(record: RunRecord, order: RunOrder, { owner }: RunParts, executor: ExecutorProcess | null): RunRow {
  const ended = record.endedAt !== null;
  return {
    record,
    owner,
    input: ended ? null : order.input,
    pid: executor?.pid ?? null,
    startTicks: executor?.startTicks ?? null,
    tornDown: ended && Object.values(record.teardown).every((confirmation) => confirmation !== "unconfirmed"),
  };
}

/** @param executor one that may live on: recovery needs its pid. */
async function finish(
  order: RunOrder,
  parts: RunParts,
  record: RunRecord,
  executor: ExecutorProcess | null = null,
): Promise<RunRecord> {
  const { state, error, teardown } = record;
  const unconfirmed = Object.entries(teardown).filter(([, confirmation]) => confirmation === "unconfirmed");
  const detail =
    unconfirmed.length === 0 ? state : `${state}; unconfirmed: ${unconfirmed.map(([name]) => name).join(", ")}`;
  await parts.archive.closeLog(order.id);
  await parts.store.commit([
    { put: "run", row: rowOf(record, order, parts, executor) },
    { audit: { ...about(order), type: "run.ended", detail, ...(error === null ? {} : { code: error.code }) } },
  ]);
  parts.onEvent({ type: "ended", runId: order.id, record });
  return record;
}
