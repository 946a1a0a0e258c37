// Asks DNS, by c-ares: absolute names, both families, no hosts file, no search domains, no cache. What the answers are
// good for is core/capabilities/network-addresses.ts's decision.
import { promises as dns } from "node:dns";
import type { Resolver } from "../../ports/resolver.ts";

/** For one try; c-ares doubles it for the next. Together under ten seconds. */
const TRY_MS = 2_500;
const TRIES = 2;

export interface ResolverOptions {
  /** Servers to ask, as `address` or `address:port`; those of the system's resolv.conf when absent. */
  servers?: readonly string[];
}

export function makeResolver({ servers }: ResolverOptions = {}): Resolver {
  async function resolve(host: string, signal: AbortSignal): Promise<readonly string[]> {
    signal.throwIfAborted();
    // A resolver of its own: it keeps nothing, and `cancel` ends this question alone.
    const resolver = new dns.Resolver({ timeout: TRY_MS, tries: TRIES });
    if (servers !== undefined) resolver.setServers(servers);
    const onAbort = () => resolver.cancel();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const name = host.endsWith(".") ? host : `${host}.`;
      const [a, aaaa] = await Promise.all([orNone(resolver.resolve4(name)), orNone(resolver.resolve6(name))]);
      return [...a, ...aaaa];
    } finally {
      signal.removeEventListener("abort", onAbort);
      resolver.cancel(); // one family failed: the other's question ends too
    }
  }

  return { resolve };
}

/** No such name, or no record of this family, is an answer; a server that fails is not. */
async function orNone(answers: Promise<string[]>): Promise<string[]> {
  try {
    return await answers;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENODATA" || code === "ENOTFOUND") return [];
    throw error;
  }
}
