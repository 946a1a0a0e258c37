// Named secrets of the installation (signing keys, certificate authorities, root credentials), encrypted at rest.

export interface KeyStore {
  /** The secret of that name; made now, durably, when there is none. Of several makers at once the first one wins. */
  readOrMake(name: string, make: () => Promise<Uint8Array>): Promise<Uint8Array>;
  read(name: string): Promise<Uint8Array | undefined>;
  /** Durable when resolved; a reader sees the old one or the new one. */
  replace(name: string, secret: Uint8Array): Promise<void>;
}

/** For secrets that several processes change while others use them. */
export interface SharedKeyStore extends KeyStore {
  /**
   * Changes it while nobody else can: no change of another process is lost. `change` gets what there is and returns what
   * there shall be, or undefined to leave it so.
   */
  update(name: string, change: (before: Uint8Array | undefined) => Promise<Uint8Array | undefined>): Promise<void>;
  /** Differs once the secret has been replaced, and costs less than reading it; "" when there is none. */
  version(name: string): Promise<string>;
  /** All that are kept, sorted. */
  names(): Promise<string[]>;
}
