// How issuers are reached, as data: where root credentials are found, and over what transport they may go.

/** Outside of the installation: a variable, or a file by its absolute path. */
export type OuterSource = { env: string } | { file: string };

/** Where a root credential is read, once, when it is first needed. `sealed`: by its name in the key store. */
export type SecretSource = OuterSource | { sealed: string };

export interface Transport {
  /** Absolute path of a PEM file: the authorities that are trusted in the place of Node's own; null for those. */
  ca: string | null;
  /** How we show ourselves; absolute path of a PEM file, and where its key is found. */
  client: { certificate: string; key: SecretSource } | null;
  /** The author's explicit word for no TLS beyond this machine. */
  plaintext: boolean;
}

/** Schemes that are TLS from their first byte. */
const tlsSchemes = ["https:", "rediss:"];

/** Whether an issuer may be reached there: over TLS, on this machine, or in plaintext on the author's word. */
export function isUsable(url: URL, { plaintext }: Pick<Transport, "plaintext">): boolean {
  return tlsSchemes.includes(url.protocol) || plaintext || isLoopbackHost(url.hostname);
}

/** An address of 127.0.0.0/8 or ::1; a name such as `localhost` is what a resolver makes of it, and is none. */
export function isLoopbackHost(host: string): boolean {
  return host === "[::1]" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
