// What an executor is launched with: the order's own words, the run's clock and chance, and the bundle.
import { noIsolateGrant } from "../../model/grant.ts";
import type { GuestClock, LaunchHeader } from "../../protocol/channel.ts";
import type { Frame } from "../../protocol/frame.ts";
import type { HostTimers } from "../capabilities/gate.ts";
import type { RunOrder, RunParts } from "./run.ts";
import { namedRun } from "./run-record.ts";
import type { RunRecording } from "./run-recording.ts";

/** Of a run that goes on. */
export interface LaunchTime {
  /** The guest's, when it is ours. */
  timers: HostTimers | null;
  recording: RunRecording | null;
}

export function launchFrame(order: RunOrder, { identity, codeCaches }: RunParts, time: LaunchTime): Frame {
  const { id, spec, input, bundle } = order;
  const { body, codeCacheBytes } = codeCaches?.launchBody(bundle) ?? { body: bundle.code, codeCacheBytes: 0 };
  const header: LaunchHeader = {
    type: "launch",
    runId: id,
    job: spec.name,
    spiffeId: identity.spiffeId(namedRun(order)),
    input,
    runMs: spec.limits.wallMs,
    resultBytesMax: spec.limits.resultBytes,
    isolate: spec.grants.isolate ?? noIsolateGrant,
    clock: clockOf(time),
    ...(time.recording === null ? {} : { seed: time.recording.recorder.seed }),
    ...(codeCacheBytes === 0 ? {} : { codeCacheBytes }),
  };
  return { header: { ...header }, body };
}

function clockOf({ timers, recording }: LaunchTime): GuestClock {
  return timers === null ? { mode: "real" } : { mode: "host", nowMs: recording?.nowMs ?? timers.nowMs() };
}
