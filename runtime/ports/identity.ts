// A run's identity towards others: a short-lived token for one audience, which they verify by discovery and JWKS, and in
// exchange for which Vault, AWS or an OAuth server give credentials of their own.
import type { RunId } from "../model/ids.ts";
import type { NamedRun } from "../model/spiffe.ts";
import type { EpochMs } from "../model/units.ts";

export interface IdentityRequest extends NamedRun {
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
  /** Where others find discovery and keys: the claim `iss`. With port 0 in the config it is known from the first token on. */
  readonly url: string;
  /** The claim `sub`, a SPIFFE ID. */
  spiffeId(run: NamedRun): string;
  /** Opens what it needs at the first call. Rejects with IssuerFailure or MayflyError. */
  token(request: IdentityRequest, signal: AbortSignal): Promise<IdentityToken>;
  /** Every identity of that run is inactive at introspection from then on, one that is being made too. Durable when resolved. */
  end(runId: RunId): Promise<void>;
  /** Runs with identities that are active, whichever process made them. */
  active(): RunId[];
}
