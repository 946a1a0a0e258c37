// What must hold in every history, each a function with its name: the invariants of the threat list that apply to runs and
// leases. Those of a moment are looked at after every step; those of a whole history at its end, at rest.
import { readFileSync } from "node:fs";
import { verifyChain } from "../../runtime/core/audit/chain.ts";
import type { RunId } from "../../runtime/model/ids.ts";
import { finalRunStates } from "../../runtime/model/run.ts";
import { type Simulation, seals, violate } from "./world.ts";

/**
 * The stated latency of I1 once nothing fails any more, ms: a pause of a minute, a probe, the next list of an issuer, and
 * the tries themselves. With a healthy issuer and a living supervisor it is milliseconds.
 */
export const latencyMs = 150_000;
/** By a clock that is hours ahead a lease has expired, and is tried again after minutes rather than seconds. */
const latencyByWrongClockMs = 600_000;

/** And where nothing failed: the run's end tries at once, however long the pauses of others are, ms. */
const promptMs = 1_000;
/** Tries of a run's end are over by then, ms: what failed before that has no part in it. */
const triesMs = 45_000;
/** What was made so long before the ledger said `revoked` was there when it was looked at, ms. */
const lookMs = 15_000;

interface Overdue {
  sinceMs: number;
  /** Its run ended by itself, and nothing had failed. */
  isPrompt: boolean;
}

export function makeMomentary(sim: Simulation): () => void {
  const overdue = new Map<string, Overdue>();
  const revokedAtMs = new Map<RunId, number>();
  return () => {
    noCredentialOutlivesItsRun(sim, overdue);
    revokedIsTheTruth(sim, revokedAtMs);
    oneCredentialARun(sim);
    everyCredentialHasItsRecord(sim);
  };
}

function issued(sim: Simulation) {
  return [sim.issuers.alpha, sim.issuers.beta].flatMap((issuer) =>
    issuer.credentials.filter(issuer.accepts).map((credential) => ({ issuer, ...credential })),
  );
}

/** I1: a credential is never usable after its run ended, plus the stated latency. */
function noCredentialOutlivesItsRun(sim: Simulation, overdue: Map<string, Overdue>): void {
  const now = sim.work.now();
  for (const { secret, runId } of issued(sim)) {
    if (!isOver(sim, runId)) continue;
    const state = sim.observer.run(runId)?.record.state;
    const endedByItself = state !== undefined && state !== "running" && state !== "lost";
    const before = overdue.get(secret) ?? { sinceMs: now, isPrompt: endedByItself && sim.lastFaultMs < now - triesMs };
    overdue.set(secret, before);
    const calmSinceMs = Math.max(before.sinceMs, sim.lastFaultMs);
    const atMostMs = sim.clockWasSet ? latencyByWrongClockMs : latencyMs;
    const boundMs = before.isPrompt && sim.lastFaultMs < before.sinceMs ? promptMs : atMostMs;
    if (now - calmSinceMs > boundMs)
      violate(sim, "I1 no credential outlives its run", `${secret} of ${runId} is taken`);
  }
}

/** `revoked` is written on proof: what was there when it was looked at is dead. */
function revokedIsTheTruth(sim: Simulation, revokedAtMs: Map<RunId, number>): void {
  const now = sim.work.now();
  for (const { runId, secret, madeAtMs } of issued(sim)) {
    if (sim.observer.lease(runId)?.state !== "revoked") {
      revokedAtMs.delete(runId);
      continue;
    }
    const sinceMs = revokedAtMs.get(runId) ?? now;
    revokedAtMs.set(runId, sinceMs);
    if (madeAtMs < sinceMs - lookMs) violate(sim, "revoked is the truth", `${secret} is taken`);
  }
}

/** The ledger says that it ended, or its lease did, or no living process has it. */
function isOver(sim: Simulation, runId: RunId): boolean {
  const row = sim.observer.run(runId);
  if (row === undefined || row.record.endedAt !== null || sim.observer.lease(runId)?.state === "revoked") return true;
  return ![...sim.supervisors].some(({ machine, holds }) => machine.alive && holds(runId));
}

/** I2: never more than one live credential per run and grant. */
function oneCredentialARun(sim: Simulation): void {
  const runs = new Set<RunId>();
  for (const { runId } of issued(sim)) {
    if (runs.has(runId)) violate(sim, "I2 one credential a run", `${runId} has two`);
    runs.add(runId);
  }
}

/** I3: no credential exists that no durable record names. */
function everyCredentialHasItsRecord(sim: Simulation): void {
  for (const { runId, issuer } of issued(sim)) {
    const lease = sim.observer.lease(runId);
    if (lease?.issuer !== issuer.name) violate(sim, "I3 every credential has its record", `${runId} at ${issuer.name}`);
  }
}

/** I4: every issue is in the audit before its effect is visible to the job. */
export function checkHandOver(sim: Simulation, runId: string): void {
  const entries = sim.observer.auditEntries(1, 100_000);
  if (!entries.some(({ event }) => event.type === "lease.issued" && event.runId === runId))
    violate(sim, "I4 recorded before it is seen", `${runId} has its credential, and the audit says nothing of it`);
}

/** I4: and every refusal, unless the disk is full: a refusal that can't be recorded is one all the same. */
export function checkRefusal(sim: Simulation, runId: string, error: { code: string }): void {
  if (error.code !== "grant" || sim.diskFailed) return;
  const entries = sim.observer.auditEntries(1, 100_000);
  if (!entries.some(({ event }) => event.type === "deny" && event.runId === runId))
    violate(sim, "I4 recorded before it is seen", `${runId} was refused, and the audit says nothing of it`);
}

/** At rest, after faults have ceased and every process has ended. */
export function checkAtRest(sim: Simulation): void {
  oneRunASlot(sim);
  noSlotIsLost(sim);
  noSecretIsWritten(sim);
  nothingIsLeft(sim);
  endingsAreFinal(sim);
  theChainHolds(sim);
}

/** I7: a tick, or a key, gives at most one run. */
function oneRunASlot(sim: Simulation): void {
  const seen = new Set<string>();
  for (const { record } of sim.observer.runs(100_000)) {
    const { trigger, job, state } = record;
    const key = trigger.kind === "schedule" ? trigger.slot : trigger.kind === "submit" ? trigger.key : undefined;
    if (key === undefined || (trigger.kind === "submit" && state === "refused")) continue;
    const name = `${job} ${key}`;
    if (seen.has(name)) violate(sim, "I7 one run a slot", `${name} has two`);
    seen.add(name);
  }
}

/** I7: and none is lost without a record, or a word to the operator, unless the process or the disk failed just then. */
function noSlotIsLost(sim: Simulation): void {
  if (sim.diskFailed) return;
  const recorded = new Set(
    sim.observer
      .runs(100_000)
      .map(({ record }) => (record.trigger.kind === "schedule" ? `${record.job} ${record.trigger.slot}` : "")),
  );
  for (const { job, slot, machine, atMs } of sim.slots) {
    const livedOn = (sim.endedAtMs.get(machine.id) ?? Number.POSITIVE_INFINITY) > atMs + 1_000;
    const isKnown =
      recorded.has(`${job} ${slot}`) || sim.told.some((line) => line.startsWith(`the slot ${slot} of ${job}`));
    if (livedOn && machine.stalledUntilMs < atMs && !isKnown) violate(sim, "I7 no slot is lost", `${job} ${slot}`);
  }
}

/** I8: no secret in any sink. */
function noSecretIsWritten(sim: Simulation): void {
  const sinks = [readFileSync(sim.ledger).toString("latin1"), sim.told.join("\n")];
  try {
    sinks.push(readFileSync(`${sim.ledger}-wal`).toString("latin1"));
  } catch {
    // folded into the ledger
  }
  for (const secret of sim.secrets)
    if (sinks.some((sink) => sink.includes(secret))) violate(sim, "I8 no secret is written", secret);
}

/** I9: after quiescence residue is zero. */
function nothingIsLeft(sim: Simulation): void {
  const { observer } = sim;
  const left = [
    ...issued(sim).map(({ secret }) => `${secret} is taken`),
    ...observer.openLeases().map(({ runId, state, lastError }) => `the lease of ${runId} is ${state}: ${lastError}`),
    ...observer.unfinishedRuns().map(({ record }) => `run ${record.id} is ${record.state}`),
    ...observer.owners().map(({ id }) => `owner ${id}`),
    ...[...sim.executors.values()].filter(({ alive }) => alive).map(({ pid }) => `executor ${pid}`),
    ...[...sim.directories].map((name) => `directory ${name}`),
  ];
  for (const what of left) violate(sim, "I9 nothing is left", what);
}

/** SCHED-18: a run ends once. */
function endingsAreFinal(sim: Simulation): void {
  const ended = new Set<string>();
  for (const { event } of sim.observer.auditEntries(1, 100_000)) {
    if (event.type !== "run.ended" && event.type !== "run.lost") continue;
    if (ended.has(event.runId ?? "")) violate(sim, "a run ends once", `${event.runId}: ${event.type}`);
    ended.add(event.runId ?? "");
  }
  for (const { record } of sim.observer.runs(100_000))
    if (!finalRunStates.includes(record.state)) violate(sim, "a run ends", `${record.id} is ${record.state}`);
}

/** AUD-01: the audit is one unbroken chain, whoever wrote when. */
function theChainHolds(sim: Simulation): void {
  const { observer } = sim;
  const verdict = verifyChain((from) => observer.auditEntries(from, 1_000), observer.auditHead(), seals);
  if (!verdict.ok) violate(sim, "the audit's chain holds", verdict.reason);
}
