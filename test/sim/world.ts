// What all parts of a simulation share: the clockwork, the faults that this seed may inject, when the last one was, and
// what was found to be wrong. What is outside every process (issuers, executors, directories, the ledger's file) lives here.
import type { SqliteStore } from "../../runtime/adapters/stores/sqlite.ts";
import { makeSeals } from "../../runtime/core/audit/chain.ts";
import type { RunId } from "../../runtime/model/ids.ts";
import type { Clockwork, Machine } from "./clockwork.ts";
import type { ModelExecutor } from "./executors.ts";
import type { ModelIssuer } from "./issuer.ts";
import type { Plant } from "./plants.ts";

/** How likely each kind of fault is in this history; most seeds have a few kinds only, so that each is seen by itself. */
export interface Faults {
  /** Of a message to an issuer: never arrives, answer lost, slow, twice, refused for a while. */
  lostQuestion: number;
  lostAnswer: number;
  slow: number;
  twice: number;
  busy: number;
  /** Of a write to the ledger: refused. */
  disk: number;
  /** Between two of each kind, about, ms; 0: none. */
  crashEveryMs: number;
  stallEveryMs: number;
  outageEveryMs: number;
  stepEveryMs: number;
  /** Operators that revoke something. */
  operatorEveryMs: number;
}

export const seals = makeSeals(new Uint8Array(32).fill(7));

export interface Simulation {
  work: Clockwork;
  faults: Faults;
  plant: Plant;
  issuers: Record<"alpha" | "beta", ModelIssuer>;
  executors: Map<number, ModelExecutor>;
  /** Private directories of runs. */
  directories: Set<string>;
  ledger: string;
  /** Reads what is durable, as an onlooker. */
  observer: SqliteStore;
  supervisors: Set<SupervisorView>;
  /** Processes that look dead to others while they are stopped. */
  looksDead: Set<string>;
  /** What supervisors told their operators and followers. */
  told: string[];
  /** Secrets that ever existed. */
  secrets: Set<string>;
  /** Slots that a ticker called in a living process, and when. */
  slots: { job: string; slot: string; machine: Machine; atMs: number }[];
  /** When processes ended, however they did. */
  endedAtMs: Map<string, number>;
  /** A write was refused in this history: what could not be recorded then is missing. */
  diskFailed: boolean;
  /** A supervisor's clock was set on or back in this history. */
  clockWasSet: boolean;
  lastFaultMs: number;
  violations: string[];
  say(line: string): void;
}

/** As the invariants see a process. */
export interface SupervisorView {
  machine: Machine;
  holds(runId: RunId): boolean;
}

export function fault(sim: Simulation, what: string): void {
  sim.lastFaultMs = sim.work.now();
  sim.say(`fault: ${what}`);
}

export function violate(sim: Simulation, invariant: string, what: string): void {
  const text = `${invariant}: ${what} (at ${sim.work.now()} ms)`;
  sim.say(`VIOLATION ${text}`);
  sim.violations.push(text);
}
