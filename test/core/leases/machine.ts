// A lease and all that can happen to it, small enough to be explored to the end: its own process, another one that believes
// the first dead (rightly or not), an operator elsewhere, an issuer that answers late or never, and a crash of either at any moment. What the
// lease becomes at each step is the product's own `nextLease`; the steps around it are the broker's, the revoker's and the
// reaper's, told as a table. A mutant is one step done wrong: the explorer must find what comes of it.
import { type Lease, nextLease, openLeaseStates } from "../../../runtime/model/lease.ts";
import { leaseOf, newRunId } from "./world.ts";

export interface World {
  /** The ledger. */
  row: Lease | null;
  fencedOff: boolean;
  /** Recovery has written the run's end. */
  closed: boolean;
  issuedRecorded: boolean;
  /** The issuer: whether the credential lives; a question on its way; an answer on its way back. */
  live: boolean;
  asked: boolean;
  answered: boolean;
  /** The run's own process; its memory is gone with it. */
  phase: "new" | "intended" | "asking" | "holding" | "issued" | "over" | "dead";
  ended: boolean;
  /** The issuer's answer may still come, and nobody waits for it. */
  gaveUp: boolean;
  /** The job has seen the credential. */
  handed: boolean;
  /** A revocation under way: in the run's own process, in the one that recovers. */
  own: Revoking | null;
  other: Revoking | null;
}

interface Revoking {
  lease: Lease;
  step: "ask" | "prove" | "write";
  verdict: "dead" | "alive" | "unknowable";
  /** It was looked at after it was asked for, and was dead then. */
  seenDead: boolean;
  /** Something more was found meanwhile. */
  again: boolean;
}

export interface Mutant {
  /** The issuer is asked before the intent is durable. */
  intentAfterIssue?: true;
  /** The broker doesn't ask for its fence before it issues. */
  noFence?: true;
  /** Recovery takes over without fencing the owner off. */
  noFenceOff?: true;
  /** The issue is recorded whatever the row has become. */
  recordBlindly?: true;
  /** The job has the credential before its record. */
  handOverEarly?: true;
  /** Recovery leaves leases that were only intended. */
  skipIntended?: true;
  /** The issuers' own lists are not asked for. */
  noSweep?: true;
  /** Revoked is written without looking. */
  believeRevocation?: true;
  /** What could not be proven is not tried again. */
  forgetUnconfirmed?: true;
}

export type Step = [name: string, next: World];

const fresh = leaseOf(newRunId(), "intended");

export const beginning: World = {
  ...{ row: null, fencedOff: false, closed: false, issuedRecorded: false, live: false, asked: false, answered: false },
  ...{ phase: "new", ended: false, gaveUp: false, handed: false, own: null, other: null },
};

/** What may happen next. */
export function stepsOf(world: World, mutant: Mutant): Step[] {
  return [
    ...brokerSteps(world, mutant),
    ...issuerSteps(world),
    ...recoverySteps(world, mutant),
    ...revokerSteps(world, mutant),
  ];
}

const mayCommit = (world: World, { noFence }: Mutant) => !world.fencedOff || noFence === true;

function brokerSteps(world: World, mutant: Mutant): Step[] {
  const { phase, row, ended } = world;
  if (phase === "dead") return [];
  const steps: Step[] = [["the run's process crashes", crash(world)]];
  if (!ended) steps.push(["the run ends", beginEnd(world)]);
  if (phase === "new" && !ended) {
    const allowed = mayCommit(world, mutant) && row === null;
    const written: World = allowed ? { ...world, row: fresh, phase: "intended" } : { ...world, phase: "over" };
    if (mutant.intentAfterIssue) steps.push(["asks the issuer", { ...world, asked: true, phase: "asking" }]);
    else steps.push(["intends", written]);
  }
  if (phase === "intended" && !ended) {
    if (mayCommit(world, mutant) && row?.state === "intended")
      steps.push(["asks the issuer", { ...world, asked: true, phase: "asking" }]);
    else steps.push(["may not ask", beginEnd({ ...world, phase: "over" })]);
  }
  if (phase === "asking") {
    if (world.answered) steps.push(["hears the answer", { ...world, answered: false, phase: "holding" }]);
    if (mutant.intentAfterIssue && row === null) steps.push(["intends", { ...world, row: fresh }]);
    steps.push(["gives up waiting", beginEnd({ ...world, phase: "over", gaveUp: true })]);
  }
  if (phase === "holding") steps.push(["records the issue", record(world, mutant)]);
  if (phase === "over" && world.gaveUp && world.answered)
    steps.push(["hears a late answer", { ...foundMore(world), answered: false, gaveUp: false }]);
  return steps;
}

function crash(world: World): World {
  return { ...world, phase: "dead", own: null, ended: true, answered: false, gaveUp: false };
}

/** The broker marks the lease as ended, and hands it to its revoker. */
function beginEnd(world: World): World {
  const started = { ...world, ended: true };
  if (world.row === null || world.own !== null) return started;
  if (world.phase === "new") return started;
  return begin(started, "own", world.row, false);
}

function record(world: World, mutant: Mutant): World {
  const early: World = mutant.handOverEarly ? { ...world, handed: true } : world;
  const ready =
    world.row === null
      ? undefined
      : nextLease(mutant.recordBlindly ? fresh : world.row, { type: "issued", at: 1, expiresAt: 2 });
  const refused = world.ended || ready === undefined || !mayCommit(world, mutant);
  if (refused) return foundMore({ ...beginEnd({ ...early, phase: "over" }), phase: "over" });
  return { ...early, row: ready, issuedRecorded: true, phase: "issued", handed: true };
}

/** Its end is under way or over, and a credential has come all the same: it is ended once more. */
function foundMore(world: World): World {
  if (world.own !== null) return { ...world, own: { ...world.own, again: true } };
  return world.row === null ? world : begin(world, "own", world.row, true);
}

function issuerSteps(world: World): Step[] {
  if (!world.asked) return [];
  const made = { ...world, asked: false, live: true };
  return [
    ["the issuer makes it, and answers", { ...made, answered: world.phase !== "dead" }],
    ["the issuer makes it, and its answer is lost", made],
    ["the question is lost", { ...world, asked: false }],
  ];
}

function recoverySteps(world: World, mutant: Mutant): Step[] {
  const { row, other } = world;
  const steps: Step[] = [];
  if (other !== null) steps.push(["the recovering process crashes", { ...world, other: null }]);
  if (!world.fencedOff && !mutant.noFenceOff)
    steps.push(["the run's process is believed dead", { ...world, fencedOff: true }]);
  const takesOver = world.fencedOff || mutant.noFenceOff === true;
  if (takesOver && !world.closed) steps.push(["recovery closes the run", { ...world, closed: true }]);
  if (row === null || other !== null) return steps;
  if (row.state !== "revoked") steps.push(["an operator revokes it elsewhere", begin(world, "other", row, false)]);
  if (!takesOver) return steps;
  const isSkipped =
    (mutant.skipIntended && row.state === "intended") || (mutant.forgetUnconfirmed && row.state === "unconfirmed");
  if (row.state !== "revoked" && !isSkipped)
    steps.push(["recovery takes the lease", begin(world, "other", row, false)]);
  if (world.live && !mutant.noSweep && !isSkipped)
    steps.push(["the issuer's list names it", begin(world, "other", row, true)]);
  return steps;
}

/** A revocation begins: that is written, unless another process has proven it dead. */
function begin(world: World, who: "own" | "other", lease: Lease, found: boolean): World {
  const ending = nextLease(lease, { type: found ? "found" : "ending" }) ?? lease;
  const row = found || openLeaseStates.includes(world.row?.state ?? "intended") ? ending : world.row;
  return { ...world, row, [who]: { lease: ending, step: "ask", verdict: "unknowable", seenDead: false, again: false } };
}

function revokerSteps(world: World, mutant: Mutant): Step[] {
  return (["own", "other"] as const).flatMap((who): Step[] => {
    const revoking = world[who];
    if (revoking === null) return [];
    const to = (changes: Partial<Revoking>): World => ({ ...world, [who]: { ...revoking, ...changes } });
    switch (revoking.step) {
      case "ask":
        return [
          [`${who}: revokes`, { ...to({ step: "prove" }), live: false }],
          [`${who}: gets no answer`, to({ step: "write", verdict: mutant.believeRevocation ? "dead" : "unknowable" })],
        ];
      case "prove":
        return [
          [`${who}: looks`, to({ step: "write", verdict: world.live ? "alive" : "dead", seenDead: !world.live })],
          [`${who}: can't look`, to({ step: "write", verdict: mutant.believeRevocation ? "dead" : "unknowable" })],
        ];
      default:
        return [[`${who}: writes ${revoking.verdict}`, write(world, who, revoking)]];
    }
  });
}

function write(world: World, who: "own" | "other", { lease, verdict, again }: Revoking): World {
  const event =
    verdict === "dead"
      ? ({ type: "proven", at: 1, how: "" } as const)
      : ({ type: "failed", askedAt: 0, error: "", nextAttemptAt: 1 } as const);
  const after = nextLease(lease, event);
  const isOpen = openLeaseStates.includes(world.row?.state ?? "intended");
  const row = after !== undefined && isOpen ? { ...after, attempts: 0 } : world.row;
  const done: World = { ...world, row, [who]: null };
  if (row === null) return done;
  if (again) return begin(done, who, row, true);
  return who === "own" && row.state !== "revoked" ? begin(done, who, row, false) : done;
}

/** The step that a world takes in which nothing fails any more; undefined at rest. */
export function fairStep(world: World, mutant: Mutant): Step | undefined {
  const wanted = [
    /^own: (?:revokes|looks|writes)/,
    /^other: (?:revokes|looks|writes)/,
    /^the issuer makes it, and answers/,
    /^hears/,
    /^records/,
    /^the run ends/,
    /^the run's process is believed dead/,
    /^recovery takes/,
    /^the issuer's list/,
  ];
  const steps = stepsOf(world, mutant);
  for (const pattern of wanted) {
    const step = steps.find(([name]) => pattern.test(name));
    if (step !== undefined) return step;
  }
  return undefined;
}
