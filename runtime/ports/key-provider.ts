// Where the key is that wraps all others: a file, a hardware module (PKCS#11), a key service (Vault's Transit). It wraps and
// unwraps data keys of 32 bytes, and its own key never comes out of it.

export interface WrappedKey {
  /** Of the wrapping key, in the provider's own words; with it an older wrapping still opens after a rotation. */
  keyId: string;
  bytes: Uint8Array;
}

export interface KeyProvider {
  readonly kind: "file" | "pkcs11" | "transit";
  /** With the newest key; the first call of an installation makes one. Rejects with MayflyError `key_unavailable`. */
  wrap(key: Uint8Array): Promise<WrappedKey>;
  /** Rejects with MayflyError `key_unavailable`; `sealed_invalid` when it was altered. */
  unwrap(wrapped: WrappedKey): Promise<Uint8Array>;
  /** Makes a new key for `wrap`. @returns its id. Older ones still unwrap. */
  rotate(): Promise<string>;
  close(): Promise<void>;
}
