/** Asks DNS for an absolute name: no search domains, no hosts file, no cache. */
export interface Resolver {
  /** All A and AAAA answers, canonical text, IPv6 without brackets. Empty when the name has none. Rejects when DNS can't be asked. */
  resolve(host: string, signal: AbortSignal): Promise<readonly string[]>;
}
