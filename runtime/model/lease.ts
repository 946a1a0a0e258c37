// A lease is one credential of one run. Its states, and how each is left:
//
//   intended     durable before the issuer is asked     → issued, when the issuer answered and that was recorded
//                                                       → revoking, when the run ended or recording failed
//   issued       the credential may be in use           → revoking, when the run ends, it expires, idles or is revoked
//   revoking     the issuer is being asked to end it    → revoked, on proof only · unconfirmed, when it can't be had
//   unconfirmed  tried again, again and again           → revoked, on proof
//   revoked      proven dead                            → revoking, when something is found that the proof had not seen:
//                                                         an issue that the issuer answered late, a name on its list
//
// An unconfirmed lease that could not be proven dead once it had expired is irrevocable as well: it stays `unconfirmed`,
// says since when, and is tried again less and less often, every day in the end. A run whose issue failed and was proven
// dead may ask once more: its row then begins anew with `intended`.
import type { Delivery } from "./grant.ts";
import type { LeaseId, RunId } from "./ids.ts";
import type { EpochMs } from "./units.ts";

export type LeaseState = "intended" | "issued" | "revoking" | "unconfirmed" | "revoked";

export interface Lease {
  id: LeaseId;
  runId: RunId;
  job: string;
  issuer: string;
  state: LeaseState;
  scope: readonly string[];
  purpose: string;
  delivery: Delivery;
  intendedAt: EpochMs;
  issuedAt: EpochMs | null;
  expiresAt: EpochMs;
  revokedAt: EpochMs | null;
  /** How its death was proven, in words: "introspection: inactive". */
  proof: string | null;
  /** Revocations tried so far. */
  attempts: number;
  nextAttemptAt: EpochMs | null;
  lastError: string | null;
  /** What its issuer needs to end it beside the run's id, sealed by the installation's key (ports/secret-box.ts), Base64. */
  handle: string | null;
  /** Since when it is known to be alive, or unknowable, past its expiry; absent before that. */
  irrevocableSince?: EpochMs;
  /** Tries that have failed since. */
  irrevocableTries?: number;
}

/** How far the clock of an issuer or a resource may be from ours, ms: the usual tolerance (RFC 4120 section 7.5.8). */
export const skewMsMax = 300_000;

/** From then on it should be dead by any clock. */
export function deadByItselfAt({ expiresAt }: Pick<Lease, "expiresAt">): EpochMs {
  return expiresAt + skewMsMax;
}

/** States in which a credential may exist. */
export const openLeaseStates: readonly LeaseState[] = ["intended", "issued", "revoking", "unconfirmed"];

export function isIrrevocable(lease: Lease): boolean {
  return lease.state === "unconfirmed" && lease.irrevocableSince !== undefined;
}

export type LeaseEvent =
  /** Its issuer noted what will be needed to end it. */
  | { type: "noted"; handle: string }
  | { type: "issued"; at: EpochMs; expiresAt: EpochMs }
  /** Its end is asked for. */
  | { type: "ending" }
  /** Something is there that the last proof has not seen. */
  | { type: "found" }
  | { type: "proven"; at: EpochMs; how: string }
  /** @param askedAt when this try began: what it found out is of that time. */
  | { type: "failed"; askedAt: EpochMs; error: string; nextAttemptAt: EpochMs };

/** The lease after that event; undefined where the event can't be, and nothing may be done that it would stand for. */
export function nextLease(lease: Lease, event: LeaseEvent): Lease | undefined {
  const { state } = lease;
  switch (event.type) {
    case "noted":
      return state === "intended" ? { ...lease, handle: event.handle } : undefined;
    case "issued":
      if (state !== "intended") return undefined;
      return { ...lease, state: "issued", issuedAt: event.at, expiresAt: event.expiresAt };
    case "ending":
      return state === "intended" || state === "issued" ? { ...lease, state: "revoking" } : lease;
    case "found":
      if (state !== "revoked") return nextLease(lease, { type: "ending" });
      return { ...lease, state: "revoking", revokedAt: null, proof: null };
    case "proven":
      return state === "revoking" || state === "unconfirmed" ? proven(lease, event.at, event.how) : undefined;
    case "failed":
      return state === "revoking" || state === "unconfirmed" ? failed(lease, event) : undefined;
  }
}

function proven(lease: Lease, at: EpochMs, how: string): Lease {
  const attempts = lease.attempts + 1;
  return { ...lease, state: "revoked", revokedAt: at, proof: how, attempts, nextAttemptAt: null, lastError: null };
}

function failed(lease: Lease, { askedAt, error, nextAttemptAt }: LeaseEvent & { type: "failed" }): Lease {
  const { irrevocableSince = askedAt, irrevocableTries = 0, ...rest } = lease;
  const attempts = lease.attempts + 1;
  const after: Lease = { ...rest, state: "unconfirmed", attempts, nextAttemptAt, lastError: error };
  if (askedAt < deadByItselfAt(lease)) return after; // so too when it had seemed otherwise by a clock that was ahead
  return { ...after, irrevocableSince, irrevocableTries: irrevocableTries + 1 };
}
