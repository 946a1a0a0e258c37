// What replays a run: its recording, the bundler and executors; neither issuers nor network. That somebody reads a recording
// is in the audit before it is read.
import { resolve } from "node:path";
import { systemClock } from "../adapters/system/clock.ts";
import { makeBundler } from "../adapters/system/esbuild-bundler.ts";
import { isAlive, thisProcess } from "../adapters/system/process-identity.ts";
import { systemRandom } from "../adapters/system/random.ts";
import { readRecordingFile, writeRecordingFile } from "../adapters/system/recording-file.ts";
import { requireVersions } from "../adapters/system/versions.ts";
import { openLedger, openPool } from "../compose.ts";
import type { Config } from "../config.ts";
import { invalid, makeRecording, type Recording } from "../core/recording/recording.ts";
import type { ReplayReport } from "../core/recording/report.ts";
import { type ReplayOrder, replayRun } from "../core/scheduler/replay.ts";
import { escapeLine, MayflyError, quote } from "../model/error.ts";
import { isRunId, type RunId } from "../model/ids.ts";
import type { Bundle } from "../ports/bundler.ts";
import type { LogLine } from "../ports/run-archive.ts";
import { decodeEvents, event, type RecordedEvent } from "../protocol/recording.ts";
import { type Ledger, openLedgerWith } from "./ledger.ts";

/** A recording as it was read, and as it can be written again. */
export interface OpenedRecording {
  recording: Recording;
  events: readonly RecordedEvent[];
}

/**
 * @param name of a run, or path of an exported file. @param why for the audit.
 * Rejects with MayflyError `run_unknown`, `recording_unknown`, `recording_invalid`, `sealed_invalid`, `key_unavailable`.
 */
export async function openRecording(ledger: Ledger, name: string, why: string): Promise<OpenedRecording> {
  const { keys } = ledger;
  try {
    if (isRunId(name)) return opened(await readRun(ledger, name, why));
    const { recording, events } = opened(await readRecordingFile(name, () => keys.box));
    const { runId, job } = recording.about;
    await note(ledger, { runId: escapeLine(runId, 64), job: escapeLine(job, 64), detail: `${why}; from a file` });
    return { recording, events };
  } catch (error) {
    throw invalid(error);
  }
}

/**
 * A recorded run, or a file that was exported, relative to the config. The keys are opened where they are needed.
 * Rejects as `openRecording` does.
 */
export async function recordingForTest(config: Config, source: string): Promise<Recording> {
  let ledger: Ledger | undefined;
  const opening = () => {
    ledger ??= openLedger(config);
    return ledger;
  };
  try {
    if (isRunId(source)) return (await openRecording(opening(), source, "the network of a test")).recording;
    return opened(await readRecordingFile(resolve(config.directory, source), () => opening().keys.box)).recording;
  } catch (error) {
    throw invalid(error);
  } finally {
    await ledger?.close();
  }
}

async function readRun(ledger: Ledger, id: RunId, why: string) {
  const { store, recordings } = ledger;
  const record = store.run(id)?.record;
  if (record === undefined)
    throw new MayflyError({
      code: "run_unknown",
      message: `there is no run ${quote(id)}`,
      next: "mayfly runs lists them",
    });
  await note(ledger, { runId: id, job: record.job, detail: why });
  return decodeEvents(recordings.read(id));
}

async function note(ledger: Ledger, about: { runId: string; job: string; detail: string }): Promise<void> {
  await ledger.audited();
  await ledger.store.commit([{ audit: { type: "recording.opened", ...about } }]);
}

function opened({ events, isWhole }: { events: readonly RecordedEvent[]; isWhole: boolean }): OpenedRecording {
  return { recording: makeRecording(events, isWhole), events };
}

/** @throws MayflyError `usage`. */
export async function exportRecording(
  { keys }: Ledger,
  { recording, events }: OpenedRecording,
  { path, clear }: { path: string; clear: boolean },
): Promise<void> {
  const isSaid = events.some(({ head }) => head.type === "cut" || head.type === "end");
  const cut = event({ type: "cut" }, undefined, Buffer.from(recording.cut ?? ""));
  await writeRecordingFile(path, isSaid ? events : [...events, cut], clear ? null : keys.box);
}

export interface ReplayOptions {
  config: Config;
  env: Readonly<Record<string, string | undefined>>;
  osSandbox: "required" | "preferred";
  onWarning(message: string): void;
  onLine(line: LogLine): void;
}

export interface Replayer {
  readonly ledger: Ledger;
  bundle(entry: string): Promise<Bundle>;
  /** Rejects with MayflyError. */
  replay(order: ReplayOrder, stop: AbortSignal): Promise<ReplayReport>;
  close(): Promise<void>;
}

/** Rejects with MayflyError; nothing is then left open. */
export async function openReplayer(options: ReplayOptions): Promise<Replayer> {
  requireVersions();
  const { config, env, osSandbox, onWarning, onLine } = options;
  const ledger = openLedgerWith(config, env);
  const { store, state, recordings } = ledger;
  const owner = thisProcess("run", systemClock, systemRandom);
  const bundler = makeBundler({ directory: config.directory, stateDirectory: config.stateDirectory });
  try {
    await ledger.audited(onWarning);
    await store.register(owner, isAlive); // a recovery beside this one takes our executor for ours
  } catch (error) {
    await ledger.close();
    throw error;
  }
  let opening: ReturnType<typeof openPool> | undefined;
  return {
    ledger,
    bundle: (entry) => bundler.bundle(entry),
    async replay(order, stop) {
      opening ??= openPool({ config, env, osSandbox, onWarning }, store.installation, state, owner.id);
      const pool = await opening;
      const { engine } = recordings;
      return replayRun(order, { pool, clock: systemClock, random: systemRandom, engine, onLine }, stop);
    },
    async close() {
      await opening?.then(
        (pool) => pool.close(),
        () => undefined,
      );
      await bundler.close();
      await store.unregister(owner.id);
      await ledger.close();
    },
  };
}
