// The whole life of one run in this process. Recovery of what an earlier process left comes first, and in the end
// everything is given back.
import { openRuntime, type Runtime } from "../compose.ts";
import type { Config } from "../config.ts";
import type { RunRecord } from "../model/run.ts";
import type { RunEvent } from "../model/run-event.ts";
import type { Bundle } from "../ports/bundler.ts";
import { jobOf } from "./config.ts";
import { warn } from "./print.ts";

export interface RunHere {
  config: Config;
  job: string;
  /** JSON text. */
  input: string;
  /** By default the bundler makes it now. */
  bundle?: Bundle;
  osSandbox: "required" | "preferred";
  /** Aborted, with text as its reason, it ends the run. */
  stop: AbortSignal;
  onOpen(runtime: Runtime): void;
  onEvent(event: RunEvent): void;
  /** The end of the run, before everything is given back. */
  onEnd(record: RunRecord): Promise<void>;
}

/** Does nothing when it was stopped before there was a run. Rejects with MayflyError. */
export async function runHere({ config, job, input, stop, onEnd, ...rest }: RunHere): Promise<void> {
  const { grants } = jobOf(config, job);
  const { bundle, osSandbox, onEvent, onOpen } = rest;
  const world = bundle === undefined ? {} : { bundle: async () => bundle };
  const runtime = await openRuntime({ config, role: "run", jobs: [job], osSandbox, onEvent, onWarning: warn, world });
  const kill = () => runtime.scheduler.killAll(String(stop.reason));
  stop.addEventListener("abort", kill);
  try {
    onOpen(runtime);
    // Before anything is accepted: a missing root credential or a taken port is the operator's to mend.
    if (grants.credential !== null) await runtime.issuer(grants.credential.issuer);
    await runtime.reaper.recover();
    if (stop.aborted) return;
    const { id, done } = await runtime.scheduler.submit({ job, input, trigger: { kind: "run" } });
    if (stop.aborted) runtime.scheduler.kill(id, `${stop.reason} before it was launched`);
    // Fenced off, the run is killed; its record is then another process's to write.
    const record = await done.catch(async (error: unknown) => {
      runtime.store.fence();
      throw error;
    });
    await onEnd(record);
  } finally {
    stop.removeEventListener("abort", kill);
    await runtime.close();
  }
}
