// A lease is one credential of one run. Its states, and how each is left:
//
//   intended     durable before the issuer is asked     → issued, when the issuer answered and that was recorded
//                                                       → revoking, when the run ended or recording failed
//   issued       the credential may be in use           → revoking, the moment the run ends
//   revoking     the issuer is being asked to end it    → revoked, on proof only · unconfirmed, when it can't be had
//   unconfirmed  retried until it expires               → revoked, on proof
//   revoked      proven dead                            (final)
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
}
