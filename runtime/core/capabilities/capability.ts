// What every capability is to the gate: named operations, each in two steps. `authorize` decides and returns the very
// value that `act` will use; between the two the gate writes the record. No operation acts in `authorize`, save that
// egress resolves its host name there, because the address is part of the decision.
import type { AuditEvent } from "../../model/audit-event.ts";
import type { Usage } from "../../model/run.ts";

/** A refusal, as the job's author and the operator see it. */
export class Denied extends Error {
  override readonly name = "Denied";
  readonly code: string;
  /** What was asked for: escaped and cut, no host path, no secret. */
  readonly target: string;

  /** `message` says what was asked, which grant was nearest, and the line that would allow it. */
  constructor(code: string, message: string, target: string) {
    super(message);
    this.code = code;
    this.target = target;
  }
}

/** An effect that was allowed and failed: a file that isn't there, a server that is down. Not a denial. */
export class Failed extends Error {
  override readonly name = "Failed";
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** What the gate gives to an operation for one call. */
export interface CallContext {
  /** Aborted when the guest gives the call up and when the run ends. */
  signal: AbortSignal;
  /** Durable when resolved. For decisions that are made while acting, such as a redirect's next hop. */
  record(event: AuditEvent): Promise<void>;
  /** The run's counters; operations add to them. */
  usage: Usage;
}

export interface Answer {
  value?: unknown;
  body?: Uint8Array;
}

export interface Operation<Args, Plan> {
  /** Throws Denied. */
  authorize(args: Args, body: Uint8Array, context: CallContext): Plan | Promise<Plan>;
  /** Throws Failed, or Denied for a decision that only the effect could reveal (a quota, a redirect). */
  act(plan: Plan, body: Uint8Array, context: CallContext): Promise<Answer>;
  /** What the audit says before `act`; absent: allowed calls of this kind are not recorded one by one. */
  target?(plan: Plan): string;
}
