// One replay on one screen: a job's bundle, the recorded one or another, in a real executor behind all of its walls and
// under the run's limits, with a door that answers from the recording (core/recording/door.ts). Nothing is done: there is no
// network, no issuer, no private directory, no lease and no row in the ledger.
import type { Bundle } from "../../ports/bundler.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ExecutorPool, ExecutorProcess } from "../../ports/executor-process.ts";
import type { Random } from "../../ports/random.ts";
import type { LogLine } from "../../ports/run-archive.ts";
import { decodeUp, type LaunchHeader } from "../../protocol/channel.ts";
import type { RecordedEnd } from "../../protocol/recording.ts";
import { verifiedDigest } from "../bundle/digest.ts";
import { guardLog } from "../capabilities/guarded-log.ts";
import { makeLog } from "../capabilities/log.ts";
import { type LeakGuard, makeLeakGuard } from "../leases/leak-guard.ts";
import { type Door, makeDoor } from "../recording/door.ts";
import type { Recording } from "../recording/recording.ts";
import { makeRedactor } from "../recording/redactor.ts";
import { type ReplayReport, reportOf } from "../recording/report.ts";
import { type Ending, type EndingSpec, exitEnding, failureEnding, limitEnding, resultEnding } from "./endings.ts";
import { cleanResult } from "./run-guard.ts";

const killWaitMs = 5_000;
const empty = new Uint8Array(0);

export interface ReplayParts {
  pool: Pick<ExecutorPool, "take">;
  clock: Clock;
  random: Random;
  /** Of the executors here. */
  engine: string;
  onLine(line: LogLine): void;
}

export interface ReplayOrder {
  recording: Recording;
  /** The recorded one, or an edited one. */
  bundle: Bundle;
}

/** Rejects with MayflyError when there is no executor. @param stop aborted to end it; the report then says how far it came. */
export async function replayRun(order: ReplayOrder, parts: ReplayParts, stop: AbortSignal): Promise<ReplayReport> {
  const { recording, bundle } = order;
  const { limits } = recording;
  verifiedDigest(bundle);
  const executor = await parts.pool.take({ memoryBytes: limits.memoryBytes, cpuMs: limits.cpuMs });
  const lines: LogLine[] = [];
  const guard = guardOf(recording);
  const { promise: ended, resolve: end } = Promise.withResolvers<Ending | null>();
  const door = openDoor(order, parts, { executor, guard, lines, end });
  try {
    const ending = await untilEnd(order, parts, { executor, door, ended, end, stop });
    return reportOf({ recording, bundle, engine: parts.engine, door, ending: ending && cleaned(ending, guard), lines });
  } finally {
    door.shut();
    await executor.kill(killWaitMs);
  }
}

/** It looks for the placeholders as the run's own looked for the credential. */
function guardOf({ about, placeholders }: Recording): LeakGuard {
  const guard = makeLeakGuard({ isRevealed: false, known: knownOf(about), onLeak: () => {}, onBlind: () => {} });
  guard.arm(placeholders);
  return guard;
}

function knownOf({ runId, job }: Recording["about"]): string[] {
  return [runId, runId.replace(/^run_/, ""), job];
}

interface Going {
  executor: ExecutorProcess;
  guard: LeakGuard;
  lines: LogLine[];
  /** null: the recording's end was reached, and its run went on. */
  end(ending: Ending | null): void;
}

function openDoor({ recording }: ReplayOrder, parts: ReplayParts, { executor, guard, lines, end }: Going): Door {
  const spec = specOf(recording);
  const redactor = makeRedactor({ known: knownOf(recording.about), random: parts.random });
  redactor.arm(recording.placeholders);
  const log = makeLog({
    logBytes: spec.limits.logBytes,
    clock: parts.clock,
    write: (line) => {
      lines.push(line);
      parts.onLine(line);
    },
    onFlood: () => end(limitEnding("logs", spec)),
  });
  const guarded = guardLog(log, guard);
  return makeDoor({
    recording,
    redactor,
    callsMax: spec.limits.calls,
    log: guarded.write,
    send(header, body = empty) {
      try {
        executor.send({ header: { ...header }, body });
      } catch {
        end(unsendable); // no run of ours was given it: the file comes from elsewhere
      }
    },
    drained: () => executor.drained(),
    onLimit: (limit) => end(limitEnding(limit, spec)),
    onStuck: (beyond) => end(beyond ? null : stuckEnding()),
  });
}

function specOf({ about, limits }: Recording): EndingSpec {
  return { name: about.job, limits };
}

const unsendable: Ending = {
  state: "failed",
  result: null,
  error: { code: "replay_diverged", message: "the recording has an answer that is larger than any run's" },
};

function stuckEnding(): Ending {
  const message = "the job waits for something that the recording doesn't have";
  return { state: "failed", result: null, error: { code: "replay_diverged", message } };
}

interface Running {
  executor: ExecutorProcess;
  door: Door;
  ended: Promise<Ending | null>;
  end(ending: Ending | null): void;
  stop: AbortSignal;
}

async function untilEnd(
  { recording, bundle }: ReplayOrder,
  { clock }: ReplayParts,
  { executor, door, ended, end, stop }: Running,
): Promise<Ending | null> {
  const spec = specOf(recording);
  const { wallMs, cpuMs, memoryBytes } = spec.limits;
  const onStop = () =>
    end({ state: "killed", result: null, error: { code: "killed", message: "the replay was interrupted" } });
  const crash = (message: string) => end({ state: "failed", result: null, error: { code: "crash", message } });
  const cancelDeadline = clock.setTimer(wallMs, () => end(limitEnding("timeout", spec)));
  stop.addEventListener("abort", onStop, { once: true });
  void executor.exited.then((exit) => end(exitEnding(exit, spec)));
  executor.onGarbage((reason) => crash(`the executor spoke out of turn: ${reason}`));
  executor.onFrame((frame) => {
    const up = decodeUp(frame);
    if (up.type === "call") door.handle(up.frame);
    else if (up.type === "idle") door.idle(up.seq);
    else if (up.type === "done") end(resultEnding(up.result, spec));
    else if (up.type === "failed") end(failureEnding(up.failure, { spec, bundle }));
    else crash("the executor spoke out of turn");
  });
  executor.watch({ cpuMs, memoryBytes }, (limit) => end(limitEnding(limit, spec)));
  executor.send({ header: { ...launchHeader(recording) }, body: bundle.code });
  door.open();
  if (stop.aborted) onStop();
  try {
    return await ended;
  } finally {
    door.shut();
    cancelDeadline();
    stop.removeEventListener("abort", onStop);
  }
}

function launchHeader({ about, input, limits }: Recording): LaunchHeader {
  const { runId, job, spiffeId, nowMs, seed, isolate } = about;
  return {
    ...{ type: "launch", runId, job, spiffeId, input, seed, isolate },
    runMs: limits.wallMs,
    resultBytesMax: limits.resultBytes,
    clock: { mode: "host", nowMs },
    traced: true,
  };
}

function cleaned({ state, result, error }: Ending, guard: LeakGuard): RecordedEnd {
  return { state, result: cleanResult(result, guard), error: error && { ...guard.cleanAll(error) } };
}
