// What embedded issuers must remember: which tokens or certificates they issued, and that one was ended. Kept in the state
// directory, shared by all processes of this installation. A token that is not in it is not active.
import type { RunId } from "../model/ids.ts";
import type { EpochMs } from "../model/units.ts";

export interface TokenRow {
  /** The token's `jti`; a certificate's serial number, hex. */
  jti: string;
  issuer: string;
  runId: RunId;
  expiresAt: EpochMs;
  revoked: boolean;
}

export interface TokenRegistry {
  /** Durable when resolved. Ends an earlier token of the same run and issuer in the same transaction. */
  put(row: Omit<TokenRow, "revoked">): Promise<void>;
  /** Durable when resolved. Earlier ones of the same run and issuer stay as they are. */
  add(row: Omit<TokenRow, "revoked">): Promise<void>;
  /** Durable when resolved; no row is success. */
  revoke(issuer: string, runId: RunId): Promise<void>;
  find(issuer: string, jti: string): TokenRow | undefined;
  /** Tokens of this issuer that are neither revoked nor expired. */
  active(issuer: string, now: EpochMs): TokenRow[];
  /** Tokens of this issuer that were ended and expire, or have expired, after `after`. Kept for an hour after they expire. */
  revoked(issuer: string, after: EpochMs): TokenRow[];
}
