// Where the key is that wraps all others: a file, a hardware module (PKCS#11), a key service (Vault's Transit). It wraps and
// unwraps data keys of 32 bytes, and its own key never comes out of it.
import type { EpochMs } from "../model/units.ts";

export interface WrappedKey {
  /** Of the wrapping key, in the provider's own words; with it an older wrapping still opens after a rotation. */
  keyId: string;
  bytes: Uint8Array;
}

/** A wrapping key, as a list shows it. */
export interface WrappingKey {
  id: string;
  /** null when the provider doesn't say. */
  madeAt: EpochMs | null;
}

export interface KeyProvider {
  readonly kind: "file" | "pkcs11" | "transit";
  /**
   * With the newest key. Where keys are ours to make (file, PKCS#11) the first call of an installation makes one. Rejects
   * with MayflyError `key_unavailable`.
   */
  wrap(key: Uint8Array): Promise<WrappedKey>;
  /** Makes nothing. Rejects with MayflyError `key_unavailable`, also for what was altered. */
  unwrap(wrapped: WrappedKey): Promise<Uint8Array>;
  /** Makes a new key for `wrap`. @returns its id. Older ones still unwrap. */
  rotate(): Promise<string>;
  /** Oldest first; those that it will tell of. */
  list(): Promise<WrappingKey[]>;
  close(): Promise<void>;
}
