// Whether a run's executor may serve the job's next run, where the config allows that at all: the same job, of the same
// tenant, with the same bundle, and nothing about this run that one would want to be rid of.
import type { ExecutorProcess } from "../../ports/executor-process.ts";
import type { Gate } from "../capabilities/gate.ts";
import { executorClassOf, type RunOrder, type RunParts } from "./run.ts";

/** Denials of one run: a job that tries doors gets another process the next time. */
const denialsMax = 10;

export function reuseKeyOf({ spec, bundle }: Pick<RunOrder, "spec" | "bundle">): string {
  return JSON.stringify([spec.tenant, spec.name, bundle.digest]);
}

/** For the teardown of a run that has succeeded. */
export function keeperOf(
  order: RunOrder,
  { pool }: RunParts,
  { executor, gate }: { executor: ExecutorProcess; gate: Gate },
): () => Promise<boolean> {
  return async () =>
    gate.denials.length <= denialsMax && pool.giveBack(executor, executorClassOf(order.spec), reuseKeyOf(order));
}
