// A Vault issuer from its config: the management token read where there is one, the transport made.
import { makeIssuerHttp } from "../adapters/issuers/issuer-http.ts";
import { makeVaultIssuer } from "../adapters/issuers/vault.ts";
import type { VaultIssuerConfig } from "../config/issuers/vault.ts";
import type { SecretSource } from "../model/issuer.ts";
import type { Clock } from "../ports/clock.ts";
import type { CredentialIssuer } from "../ports/credential-issuer.ts";
import type { IdentityIssuer } from "../ports/identity.ts";

export interface VaultParts {
  clock: Clock;
  identity: IdentityIssuer;
  /** @throws MayflyError `secret_missing`. */
  read(from: SecretSource): string;
}

export function vaultIssuer(config: VaultIssuerConfig, { clock, identity, read }: VaultParts): CredentialIssuer {
  const { transport, management, url, namespace, login, credentials, wrapS } = config;
  const clientKey = transport.client === null ? null : read(transport.client.key);
  return makeVaultIssuer({
    ...{ clock, identity, url, namespace, login, credentials, wrapS },
    http: makeIssuerHttp({ transport, clientKey, nowMs: clock.nowMs }),
    management: management === null ? null : read(management),
  });
}
