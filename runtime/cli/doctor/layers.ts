// The layers of a real executor, as they are seen from outside, held against what the pool says of them: one that is said
// to be armed and isn't there is broken, one that is known to be missing is not armed.

import type { SandboxedPool } from "../../adapters/system/executor-pool.ts";
import { type Finding, inspectExecutor } from "../../adapters/system/inspect-executor.ts";
import { versionFindings } from "../../adapters/system/versions.ts";
import type { Layer } from "../../model/run.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Row, Verdict } from "./attack.ts";

/** What is seen from outside, and the layer of which it is a part; where it isn't here, the names are the same. */
const layerOf: Readonly<Record<string, string>> = {
  "empty-environment": "process",
  "net-namespace": "network-namespace",
  "mnt-namespace": "mount-tree",
  "ipc-namespace": "pid-namespace",
  "uts-namespace": "pid-namespace",
};

export function versionRows(): Row[] {
  return versionFindings().map(({ name, found, floor, holds, why }) => ({
    group: "version",
    name,
    tries: `its version against the floor (${why})`,
    expects: `${floor} or later`,
    saw: `found ${found}, floor ${floor}`,
    verdict: holds ? "held" : "BROKEN",
    durationMs: 0,
  }));
}

/** Takes an executor and looks at it. Rejects as `take` does. */
export async function layerRows(pool: SandboxedPool, clock: Clock): Promise<Row[]> {
  const startedMs = clock.monotonicMs();
  const executor = await pool.take({ memoryBytes: 16 * 1_048_576, cpuMs: 1_000 });
  const seen = inspectExecutor(executor.pid);
  await executor.kill(5_000);
  const layers = pool.layers();
  const durationMs = Math.round(clock.monotonicMs() - startedMs);
  const looked = seen.map((finding) => rowOf(finding, layers, durationMs));
  const names = new Set(seen.map(({ name }) => layerOf[name] ?? name));
  return [...looked, ...layers.filter(({ name }) => !names.has(name)).map(rowOfPlan)];
}

function rowOf({ name, armed, how }: Finding, layers: readonly Layer[], durationMs: number): Row {
  const layer = layers.find((each) => each.name === (layerOf[name] ?? name));
  const verdict: Verdict = armed ? "held" : layer?.armed === false ? "not armed" : "BROKEN";
  return {
    group: "layer",
    name,
    tries: "a look at a real executor through /proc",
    expects: "armed",
    saw: verdict === "BROKEN" ? `${how}; it is said to be armed: ${layer?.detail ?? "no such layer"}` : how,
    verdict,
    ...(verdict === "held" || layer?.hint === undefined ? {} : { hint: layer.hint }),
    durationMs,
  };
}

/** What can't be seen from outside. */
function rowOfPlan({ name, armed, detail, hint }: Layer): Row {
  return {
    group: "layer",
    name,
    tries: "nothing: it doesn't show from outside",
    expects: "armed",
    saw: detail,
    verdict: armed ? "held" : "not armed",
    ...(hint === undefined ? {} : { hint }),
    durationMs: 0,
  };
}
