// The recorder of a run whose job's config asks for one, made from its order, and the time that such a run goes by.

import { noIsolateGrant } from "../../model/grant.ts";
import { runIdDigits } from "../../model/ids.ts";
import type { RecordingNote } from "../../model/run.ts";
import type { EpochMs } from "../../model/units.ts";
import { type GuestTimers, makeGuestTimers } from "../capabilities/guest-timers.ts";
import { makeRecorder, type Recorder } from "../recording/recorder.ts";
import type { Ending } from "./endings.ts";
import type { RunOrder, RunParts } from "./run.ts";
import { namedRun } from "./run-record.ts";

export interface RunRecording {
  recorder: Recorder;
  timers: GuestTimers;
  /** The guest's time at its launch. */
  nowMs: EpochMs;
  /** The rest is written. Never rejects. */
  close(ending: Ending): Promise<RecordingNote>;
}

/** null when nothing is to be kept. */
export function recordRun(order: RunOrder, parts: RunParts): RunRecording | null {
  const { id, spec, input, bundle } = order;
  if (spec.record === undefined) return null;
  const nowMs = (parts.guestTime ?? parts.clock).nowMs();
  const timers = makeGuestTimers(parts.clock);
  const recorder = makeRecorder({
    about: {
      runId: id,
      job: spec.name,
      spiffeId: parts.identity.spiffeId(namedRun(order)),
      nowMs,
      digest: bundle.digest,
      limits: { ...spec.limits },
      isolate: spec.grants.isolate ?? noIsolateGrant,
    },
    ...{ input, bundle, bytesMax: spec.record.bytesMax },
    ...{ recordings: parts.recordings, random: parts.random, clock: parts.clock },
    known: [id, runIdDigits(id), spec.name],
  });
  return {
    recorder,
    timers,
    nowMs,
    close({ state, result, error }) {
      timers.end();
      return recorder.close({ state, result, error: error === null ? null : { ...error } });
    },
  };
}
