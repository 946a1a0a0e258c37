// The identities of an installation's runs: who they say they are, and where others find out that it is true.
import { type EmbeddedIdentity, makeIdentityIssuer } from "../adapters/issuers/identity.ts";
import type { SqliteStore } from "../adapters/stores/sqlite.ts";
import { systemClock as clock } from "../adapters/system/clock.ts";
import { systemRandom as random } from "../adapters/system/random.ts";
import type { Config } from "../config.ts";
import { defaultTrustDomain } from "../model/spiffe.ts";
import type { Keys } from "./keys.ts";

export function openIdentity(config: Config, store: SqliteStore, keys: Keys): EmbeddedIdentity {
  const { listen, url } = config.identity;
  return makeIdentityIssuer({
    ...{ listen, url, trustDomain: trustDomainOf(config, store) },
    ...{ keys: keys.signing(listen.port), registry: store.tokens, clock, random },
  });
}

export function trustDomainOf({ identity }: Config, { installation }: SqliteStore): string {
  return identity.trustDomain ?? defaultTrustDomain(installation);
}

/** Whether some job may show who it is. */
export function hasIdentities({ jobs }: Config): boolean {
  return Object.values(jobs).some(({ grants }) => grants.identity !== null);
}

/** What the server at that address calls identities' issuer; null for its own URL. */
export function identityUrlAt({ identity }: Config, listen: { host: string; port: number }): string | null {
  return identity.listen.host === listen.host && identity.listen.port === listen.port ? identity.url : null;
}
