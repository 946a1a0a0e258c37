// Values that a decision has made. A mechanism takes these and nothing weaker, so that what was checked is what is used.

declare const checked: unique symbol;

/** One hop of egress that the policy allows, with the address that was checked. Minted by core/capabilities/network.ts only. */
export interface CheckedTarget {
  readonly [checked]: "target";
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Host as it goes into the Host header and the TLS server name: never what is dialled. */
  readonly host: string;
  readonly port: number;
  /** The one address to dial, canonical, without brackets. */
  readonly address: string;
  /** Path and query, percent-encoded. */
  readonly path: string;
  /** Header fields in order, lower-case names; Host and the framing headers are not among them. */
  readonly headers: readonly (readonly [string, string])[];
  /** Shown to the server when it asks for a certificate; null for none. Such a connection serves nothing else. */
  readonly clientKey: ClientKey | null;
}

/** A certificate for TLS clients with its key, both PEM. One object is one key: it is told from others by what it is. */
export interface ClientKey {
  /** The leaf first. */
  readonly certificates: string;
  readonly privateKey: string;
  /** Aborted when it has ended: connections that show it end then, and none is opened any more. */
  readonly ended: AbortSignal;
}

/** A path in the run's own tree or one of its mounts, parsed into names. Minted by core/capabilities/files.ts only. */
export interface CheckedPath {
  readonly [checked]: "path";
  /** "private", or the guest path of a mount. */
  readonly root: string;
  /** Names from that root downwards: none is empty, `.`, `..`, or has a slash or NUL. */
  readonly names: readonly string[];
  readonly writable: boolean;
}

/** For the two minters. */
export function mint<T extends { readonly [checked]: string }>(value: Omit<T, typeof checked>): T {
  return value as T;
}
