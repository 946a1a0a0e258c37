// A run's identity towards others: a short-lived token for one audience, which they verify by discovery and JWKS, and in
// exchange for which Vault, AWS or an OAuth server give credentials of their own.
import type { RunId } from "../model/ids.ts";
import type { EpochMs } from "../model/units.ts";

export interface IdentityRequest {
  runId: RunId;
  job: string;
  tenant: string;
  /** Whom it is for (RFC 7519, `aud`). */
  audience: string;
  /** Not later than this; an identity lives five minutes at most in any case. */
  expiresAt: EpochMs;
}

export interface IdentityToken {
  token: string;
  expiresAt: EpochMs;
}

export interface IdentityIssuer {
  /** Where others find discovery and keys: the claim `iss`. */
  readonly url: string;
  /** The claim `sub`, a SPIFFE ID. */
  spiffeId(run: Pick<IdentityRequest, "runId" | "job" | "tenant">): string;
  token(request: IdentityRequest, signal: AbortSignal): Promise<IdentityToken>;
  /** Every identity of that run is inactive at introspection from then on. Durable when resolved. */
  end(runId: RunId): Promise<void>;
}
