// Recorded runs of runs.ts, read and played again: in real executors of the same runtime, with the same bundle or another.
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import { systemRandom } from "../../runtime/adapters/system/random.ts";
import { makeRecordings } from "../../runtime/adapters/system/recordings.ts";
import { openLedger } from "../../runtime/compose.ts";
import { makeRecording, type Recording } from "../../runtime/core/recording/recording.ts";
import type { ReplayReport } from "../../runtime/core/recording/report.ts";
import { replayRun } from "../../runtime/core/scheduler/replay.ts";
import type { Bundle } from "../../runtime/ports/bundler.ts";
import type { LogLine } from "../../runtime/ports/run-archive.ts";
import { decodeEvents, type RecordedEvent } from "../../runtime/protocol/recording.ts";
import { type Runs, scriptBundle } from "./runs.ts";

export async function eventsOf(
  { runtime }: Runs,
  { id }: { id: string },
): Promise<{ events: RecordedEvent[]; isWhole: boolean }> {
  const ledger = openLedger(runtime.config);
  try {
    return await decodeEvents(makeRecordings({ stateDirectory: runtime.state.path, box: ledger.keys.box }).read(id));
  } finally {
    await ledger.close();
  }
}

export async function recordingOf(runs: Runs, run: { id: string }): Promise<Recording> {
  const { events, isWhole } = await eventsOf(runs, run);
  return makeRecording(events, isWhole);
}

export interface Played extends ReplayReport {
  lines: LogLine[];
}

/** Plays it, with this bundle or this body (runs.ts) in the place of the recorded one. */
export async function play({ runtime }: Runs, recording: Recording, other?: string | Bundle): Promise<Played> {
  const lines: LogLine[] = [];
  const bundle = other === undefined ? recording.bundle : typeof other === "string" ? scriptBundle(other) : other;
  const parts = { pool: runtime.pool, clock: systemClock, random: systemRandom, engine: recording.about.engine };
  const stop = new AbortController().signal;
  const report = await replayRun({ recording, bundle }, { ...parts, onLine: (line) => lines.push(line) }, stop);
  return { ...report, lines };
}
