// Named secrets of the installation (signing keys, certificate authorities), encrypted at rest.

export interface KeyStore {
  /** The secret of that name; made now, durably, when there is none. Of several makers at once the first one wins. */
  readOrMake(name: string, make: () => Promise<Uint8Array>): Promise<Uint8Array>;
  read(name: string): Promise<Uint8Array | undefined>;
  /** Durable when resolved; a reader sees the old one or the new one. */
  replace(name: string, secret: Uint8Array): Promise<void>;
}
