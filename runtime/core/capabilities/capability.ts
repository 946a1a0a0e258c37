// What every capability is to the gate: named operations, each in two steps. `authorize` decides and returns the very
// value that `act` will use; between the two the gate writes the record. No operation acts in `authorize`, save that
// egress resolves its host name there, because the address is part of the decision.
import type { AuditEvent } from "../../model/audit-event.ts";
import type { Usage } from "../../model/run.ts";

/** How a refusal could have been none; absent where no grant can help. */
export interface Hint {
  /** The grant that came nearest, as it stands in the config. */
  nearest?: string;
  /** What to write into the job's config, key and value, to allow it. */
  remedy?: string;
}

/** A refusal, as the job's author and the operator see it. */
export class Denied extends Error {
  override readonly name = "Denied";
  readonly code: string;
  /** What was asked for: escaped and cut, no host path, no secret. */
  readonly target: string;
  readonly nearest: string | undefined;
  readonly remedy: string | undefined;

  /** `message` says what was asked and why it is refused; the gate puts the hint behind it. */
  constructor(code: string, message: string, target: string, hint: Hint = {}) {
    super(message);
    this.code = code;
    this.target = target;
    this.nearest = hint.nearest;
    this.remedy = hint.remedy;
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
  /**
   * The bytes that belong to this call and did not come with it, asked of the guest piece by piece as they are taken;
   * `again`: from their start. Rejects with Failed `aborted`.
   */
  upload(again: boolean): AsyncIterable<Uint8Array>;
}

export interface Answer {
  value?: unknown;
  body?: Uint8Array;
  /** Bytes that follow the answer, as fast as the guest takes them. Rejects as `act` does. Taken once, or left. */
  stream?: AsyncIterable<Uint8Array>;
}

export interface Operation<Args, Plan> {
  /** Throws Denied. */
  authorize(args: Args, body: Uint8Array, context: CallContext): Plan | Promise<Plan>;
  /** Throws Failed, or Denied for a decision that only the effect could reveal (a quota, a redirect). */
  act(plan: Plan, body: Uint8Array, context: CallContext): Promise<Answer>;
  /** What the audit says before `act`; absent: allowed calls of this kind are not recorded one by one. */
  target?(plan: Plan): string;
}

/** A refusal's hint as it was given. */
export function hintOf({ nearest, remedy }: Denied): Hint {
  return { ...(nearest === undefined ? {} : { nearest }), ...(remedy === undefined ? {} : { remedy }) };
}
