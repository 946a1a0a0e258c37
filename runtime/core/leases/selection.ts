// Which leases an operator means: one by its id or its run's, those of a job or an issuer, or all.
import { isRunId, leaseIdOf, type RunId, runIdFromDigits } from "../../model/ids.ts";
import type { Lease } from "../../model/lease.ts";
import type { Store } from "../../ports/store.ts";

export type Target = { lease: string } | { run: string } | { job: string } | { issuer: string } | { all: true };

/** What a lease is selected by. */
export interface Selectable {
  runId: RunId;
  job: string;
  issuer: string;
}

export function isMeant(target: Target, { runId, job, issuer }: Selectable): boolean {
  if ("lease" in target) return target.lease === leaseIdOf(runId);
  if ("run" in target) return target.run === runId;
  if ("job" in target) return target.job === job;
  if ("issuer" in target) return target.issuer === issuer;
  return target.all;
}

/** In the ledger; one that is named by itself also when it is proven dead. */
export function selectLeases(store: Pick<Store, "lease" | "openLeases">, target: Target): Lease[] {
  if (!("lease" in target || "run" in target)) return store.openLeases().filter((lease) => isMeant(target, lease));
  const runId = runIdOf(target);
  const lease = runId === undefined ? undefined : store.lease(runId);
  return lease === undefined ? [] : [lease];
}

/** The run that a target names by itself; undefined when it is no run's name. */
export function runIdOf(target: { lease: string } | { run: string }): RunId | undefined {
  if ("run" in target) return isRunId(target.run) ? target.run : undefined;
  return target.lease.startsWith("lease_") ? runIdFromDigits(target.lease.slice("lease_".length)) : undefined;
}

/** What a word can mean: nothing, one thing, or a job and an issuer of the same name, which `job:` and `issuer:` tell apart. */
export function readTarget(
  word: string,
  { jobs, issuers }: { jobs: ReadonlySet<string>; issuers: ReadonlySet<string> },
): Target[] {
  if (runIdOf({ lease: word }) !== undefined) return [{ lease: word }];
  if (isRunId(word)) return [{ run: word }];
  const [, kind, name = word] = /^(job|issuer):(.*)$/s.exec(word) ?? [];
  return [
    ...(kind !== "issuer" && jobs.has(name) ? [{ job: name }] : []),
    ...(kind !== "job" && issuers.has(name) ? [{ issuer: name }] : []),
  ];
}
