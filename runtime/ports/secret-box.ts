// Encrypts what must be kept and must not be readable: handles of leases, signing keys, stored outputs. Envelope
// encryption: texts are sealed with data keys, data keys are wrapped by a key that its provider doesn't give away.

export interface SecretBox {
  /**
   * @param purpose what it is, such as `lease run_…`: a text that was sealed for one purpose doesn't open for another.
   * Rejects with MayflyError `key_unavailable`.
   */
  seal(purpose: string, plain: Uint8Array): Promise<Uint8Array>;
  /** Rejects with MayflyError `key_unavailable`, or `sealed_invalid` for what was altered or is of another purpose. */
  open(purpose: string, sealed: Uint8Array): Promise<Uint8Array>;
}
