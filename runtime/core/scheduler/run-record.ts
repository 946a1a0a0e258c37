// A run's record as it begins: accepted, and nothing has happened yet.
import { nothingToTearDown, noUsage, type RunRecord } from "../../model/run.ts";
import type { NamedRun } from "../../model/spiffe.ts";
import type { IdentityIssuer } from "../../ports/identity.ts";
import type { RunOrder } from "./run.ts";

/** The record of a run that has only been accepted. */
export function newRecord(
  order: Omit<RunOrder, "bundle" | "input"> & { bundle: { digest: string } | null },
  identity: Pick<IdentityIssuer, "spiffeId">,
): RunRecord {
  return {
    id: order.id,
    spiffeId: identity.spiffeId(namedRun(order)),
    job: order.spec.name,
    trigger: order.trigger,
    state: "accepted",
    result: null,
    error: null,
    acceptedAt: order.acceptedAt,
    startedAt: null,
    endedAt: null,
    bundle: order.bundle === null ? null : { digest: order.bundle.digest },
    limits: order.spec.limits,
    usage: { ...noUsage },
    lease: null,
    denials: [],
    leaks: [],
    outputs: [],
    teardown: { ...nothingToTearDown },
    layers: [],
  };
}

/** A run as identities name it. */
export function namedRun({ id, spec }: Pick<RunOrder, "id" | "spec">): NamedRun {
  return { runId: id, job: spec.name, tenant: spec.tenant };
}
