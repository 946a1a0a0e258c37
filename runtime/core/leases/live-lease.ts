// A live lease in the hands of its run: what may be done with it, and when that is over. It is over at its expiry, by
// whichever of the two clocks is first there, so that a wall clock that was set back gives no longer life; when it was not
// used for its grant's idle time; when its end has begun; and when the ledger says that another process has ended it.
import type { CredentialGrant } from "../../model/grant.ts";
import type { RunId } from "../../model/ids.ts";
import type { Lease } from "../../model/lease.ts";
import { type EpochMs, formatDuration } from "../../model/units.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  type CommandRequest,
  type CommandResult,
  type CredentialIssuer,
  type EgressKey,
  type ExecRequest,
  type ExecResult,
  type IssuedCredential,
  IssuerFailure,
  type LeaseRef,
  type QueryRequest,
  type QueryResult,
} from "../../ports/credential-issuer.ts";
import type { Store } from "../../ports/store.ts";

export interface LeaseRequest {
  runId: RunId;
  job: string;
  tenant: string;
  grant: CredentialGrant;
  /** The run's deadline. */
  deadlineAt: EpochMs;
}

export type Standing = "live" | "ended" | "expired";

export interface LiveLease {
  readonly lease: Lease;
  /** undefined once the end has begun. */
  secret(): string | undefined;
  /** undefined once the end has begun, and for what is a text. */
  egress(): EgressKey | undefined;
  /** Every text that gives the credential away; for the leak guard, which needs them after the end too. */
  readonly parts: readonly string[];
  /** As this process knows it. */
  standing(): Standing;
  /** Asked before each use, and counted as one: whether it may be. What lies unused for its idle time is ended. */
  use(): Standing;
  query(request: QueryRequest, signal: AbortSignal): Promise<QueryResult>;
  command(request: CommandRequest, signal: AbortSignal): Promise<CommandResult>;
  exec(request: ExecRequest, signal: AbortSignal): Promise<ExecResult>;
}

export interface LifeParts {
  store: Pick<Store, "fence" | "lease">;
  clock: Clock;
  at: CredentialIssuer;
  ref: LeaseRef;
  request: LeaseRequest;
  lease: Lease;
  credential: IssuedCredential;
}

type Operation<Request, Result> = (
  ref: LeaseRef,
  secret: string,
  request: Request,
  signal: AbortSignal,
) => Promise<Result>;

/** @param onOver called once, with the reason: its end is to begin. Not after `release`. */
export function makeLife(
  { store, clock, at, ref, request, lease, credential }: LifeParts,
  hold: { readonly ended: boolean; readonly secret: string | undefined },
  onOver: (reason: string) => void,
): { live: LiveLease; release(): void } {
  const lifeMs = lease.expiresAt - clock.nowMs();
  const issuedAtMs = clock.monotonicMs();
  const { idleMs } = request.grant;
  let usedAtMs = issuedAtMs;
  let underWay = 0;
  let cancelIdle: (() => void) | undefined;
  const cancelExpiry = clock.setTimer(Math.max(0, lifeMs), () => onOver("it expired"));

  function watchIdle(forMs: number): void {
    if (idleMs === null) return;
    cancelIdle = clock.setTimer(forMs, () => {
      const restMs = underWay > 0 ? idleMs : usedAtMs + idleMs - clock.monotonicMs();
      if (restMs > 0) watchIdle(restMs);
      else onOver(`not used for ${formatDuration(idleMs)}`);
    });
  }
  watchIdle(idleMs ?? 0);

  const isExpired = () => clock.nowMs() >= lease.expiresAt || clock.monotonicMs() - issuedAtMs >= lifeMs;
  const standing = (): Standing => (isExpired() ? "expired" : hold.ended ? "ended" : "live");
  const secret = () => (standing() === "live" ? hold.secret : undefined);

  function use(): Standing {
    const now = standing();
    if (now !== "live") return now;
    try {
      store.fence();
    } catch {
      onOver("this process was fenced off");
      return "ended";
    }
    if (store.lease(lease.runId)?.state !== "issued") {
      onOver("another process has ended it");
      return "ended";
    }
    usedAtMs = clock.monotonicMs();
    return "live";
  }

  function operate<Request, Result>(operation: Operation<Request, Result> | undefined) {
    return async (asked: Request, signal: AbortSignal): Promise<Result> => {
      const known = use() === "live" ? secret() : undefined;
      if (known === undefined || operation === undefined)
        throw new IssuerFailure("issuer_refused", "the lease has ended");
      underWay += 1;
      try {
        return await operation.call(at, ref, known, asked, signal);
      } finally {
        underWay -= 1;
        usedAtMs = clock.monotonicMs();
      }
    };
  }

  return {
    live: {
      lease,
      secret,
      egress: () => (standing() === "live" ? credential.egress : undefined),
      parts: credential.parts ?? [credential.secret],
      standing,
      use,
      query: operate(at.query),
      command: operate(at.command),
      exec: operate(at.exec),
    },
    release() {
      cancelExpiry();
      cancelIdle?.();
    },
  };
}
