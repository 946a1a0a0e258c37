// An attack on our own installation, and what is said of it. The attacks themselves are the tables in attacks/; lab.ts
// gives them jobs, executors and listeners; judge.ts gives the verdict.
import type { Bait } from "../../adapters/system/bait.ts";
import type { InsideReport } from "../../adapters/system/inside-trial.ts";
import type { Recorder } from "../../adapters/system/recorder.ts";
import type { Runtime } from "../../compose.ts";
import type { RunId } from "../../model/ids.ts";
import type { FileQuota, Limits } from "../../model/limits.ts";
import type { RunRecord } from "../../model/run.ts";

export type Group =
  | "version"
  | "layer"
  | "isolation"
  | "limit"
  | "files"
  | "egress"
  | "walls"
  | "credential"
  | "crash"
  | "audit";

/** `held`: as expected. `BROKEN`: not, or the attack's own control failed. `not armed`: a wall is missing that was known to be. */
export type Verdict = "held" | "BROKEN" | "not armed";

export interface Row {
  group: Group;
  name: string;
  tries: string;
  expects: string;
  saw: string;
  verdict: Verdict;
  /** How to arm what is missing. */
  hint?: string;
  durationMs: number;
}

/** A job of an attack; what is absent it doesn't have. */
export interface AttackJob {
  /** Body of an async function with the job's context as `c`. */
  body: string;
  limits?: Partial<Limits>;
  /** Lines of network.allow. */
  allow?: readonly string[];
  privateAddresses?: readonly string[];
  /** Guest path to host path. */
  mounts?: Readonly<Record<string, string>>;
  quota?: Partial<FileQuota>;
  /** A sealed credential of the doctor's own issuer, for the recorder. */
  credential?: boolean;
}

export interface Seen {
  held: boolean;
  /** In a few words. */
  saw: string;
  /** What the control should have shown and didn't: the attack would not have seen a broken defence. */
  blind?: string;
}

export interface Attack {
  group: Group;
  name: string;
  tries: string;
  expects: string;
  /** The layer without which it isn't expected to fail. */
  needs?: string;
  /** Also tried by `start`, before it serves. */
  quick?: true;
  jobs: Readonly<Record<string, AttackJob>>;
  run(bench: Bench): Promise<Seen>;
}

/** What lies around every attack: made once, before its jobs are. */
export interface Place {
  /** Where the state of this trial is: no installation's. */
  readonly directory: string;
  /** Where a job may be let, and another one, to which nothing is ever granted. */
  readonly recorder: Recorder;
  readonly forbidden: Recorder;
  readonly bait: Bait;
  /** A name that resolves to 127.0.0.1. */
  readonly loopbackName: string;
}

export interface StartedRun {
  readonly id: RunId;
  /** The executor's, on the host. */
  readonly pid: number;
  readonly done: Promise<RunRecord>;
}

/** What an attack works with. */
export interface Bench {
  readonly place: Place;
  readonly runtime: Runtime;
  /** Runs one of the attack's jobs to its end. One that doesn't end is killed, and so has the state `killed`. */
  run(job: string): Promise<RunRecord>;
  /** Resolves once an executor has it. */
  start(job: string): Promise<StartedRun>;
  /** Resolves when that run has logged that line. */
  logged(run: StartedRun, line: string): Promise<void>;
  /** A job that does nothing wrong: what it needs must be there after every attack. */
  harmless(): Promise<RunRecord>;
  /** Puts links to the bait into a run's directory: `name`, and `<name>-directory`. */
  plantLink(run: RunId, name: string): void;
  /** What the attacker could do behind the walls, where an executor would be; at most one attacker a kind. */
  inside(kind: InsideKind): Promise<InsideReport & Reached>;
  /** Sends a signal to an executor. */
  signal(pid: number, signal: NodeJS.Signals): void;
  /** Whether a resource would take this token, by the introspection of its own issuer. */
  isActive(token: string): Promise<boolean>;
  /** Verdict on an audit log like this installation's, with that many of its bytes turned. */
  auditHolds(turned: 0 | 1): Promise<{ ok: boolean; said: string }>;
}

/**
 * `walls`: behind the operating system's walls alone, without Node's permission model, which would refuse most of it
 * earlier. `permission`: behind all. `memory`: all, and it takes memory while no supervisor looks. `orphan`: all, and its
 * parent dies while it ignores its pipe's end.
 */
export type InsideKind = "walls" | "permission" | "memory" | "orphan";

/** By effect, whatever the attacker says. */
export interface Reached {
  /** Connections that the forbidden listener had meanwhile. */
  connects: number;
  /** Signals that this process had. */
  signals: number;
}

const MiB = 1_048_576;

export const size = { KiB: 1_024, MiB } as const;

/** Ended by that limit, and for no other reason. */
export function endedBy(record: RunRecord, code: string): boolean {
  return record.state === "limit" && record.error?.code === code;
}

export function wasDenied({ denials }: RunRecord, code: string): boolean {
  return denials.some((denial) => denial.code === code);
}

/** The end of a run in a few words. */
export function endOf({ state, error, denials, usage }: RunRecord): string {
  const codes = [...new Set(denials.map(({ code }) => code))];
  const denied = codes.length === 0 ? "" : `, denied: ${codes.join(", ")}`;
  return `${state}${error === null ? "" : `, ${error.code}`}${denied}, ${usage.wallMs} ms`;
}

/** An attack by one job, whose record says it all. */
export function jobAttack(
  words: Omit<Attack, "jobs" | "run">,
  job: AttackJob,
  held: (record: RunRecord) => boolean,
): Attack {
  return {
    ...words,
    jobs: { attack: job },
    async run(bench) {
      const record = await bench.run("attack");
      return { held: held(record), saw: endOf(record) };
    },
  };
}
