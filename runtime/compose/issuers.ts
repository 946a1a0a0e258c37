// The issuers of an installation: each kind with what it needs, a few lines each. Opened when first needed: a job without a
// credential needs none of them, and one that can't be had stops no other.
import { join } from "node:path";
import { makeJwtIssuer } from "../adapters/issuers/jwt.ts";
import { makeOauthIssuer } from "../adapters/issuers/oauth.ts";
import type { OauthClient } from "../adapters/issuers/oauth-client.ts";
import { makePostgresIssuer } from "../adapters/issuers/postgres.ts";
import { makeRedisIssuer } from "../adapters/issuers/redis.ts";
import { makeSshIssuer } from "../adapters/issuers/ssh.ts";
import { findSshPrograms } from "../adapters/issuers/ssh-client.ts";
import type { SqliteStore } from "../adapters/stores/sqlite.ts";
import { systemClock } from "../adapters/system/clock.ts";
import { systemRandom } from "../adapters/system/random.ts";
import { readSecret, type SecretSource } from "../adapters/system/secret-source.ts";
import type { StateDirectory } from "../adapters/system/state-directory.ts";
import type { Config, IssuerConfig, OauthIssuerConfig } from "../config.ts";
import { MayflyError, messageOf } from "../model/error.ts";
import type { JobSpec } from "../model/job.ts";
import { type CredentialIssuer, IssuerFailure } from "../ports/credential-issuer.ts";
import type { IdentityIssuer } from "../ports/identity.ts";
import type { KeyStore } from "../ports/key-store.ts";
import { awsIssuer } from "./aws.ts";
import { identityUrlAt, trustDomainOf } from "./identity.ts";
import type { Keys } from "./keys.ts";
import { remember } from "./remember.ts";
import { openSealed } from "./secrets.ts";
import { vaultIssuer } from "./vault.ts";

export interface IssuersParts {
  config: Config;
  env: Readonly<Record<string, string | undefined>>;
  store: SqliteStore;
  state: StateDirectory;
  /** Signing keys and authorities, encrypted at rest. */
  keys: KeyStore;
  /** Keys of the embedded issuer's server on that port. */
  signing: Keys["signing"];
  /** Who a run is, for issuers that give credentials in exchange for that. */
  identity: IdentityIssuer;
  /** Test kit: `issuer` in the place of every issuer of the config, `around` each of them. */
  world: {
    issuer?: (name: string) => Promise<CredentialIssuer>;
    around?: { issuer(name: string, issuer: CredentialIssuer): CredentialIssuer };
  };
}

export interface Issuers {
  /** Rejects with IssuerFailure or MayflyError when it can't be had. */
  get(name: string): Promise<CredentialIssuer>;
  close(): Promise<void>;
}

type Makers = {
  [Kind in IssuerConfig["kind"]]: (
    config: Extract<IssuerConfig, { kind: Kind }>,
    parts: IssuersParts,
  ) => CredentialIssuer | Promise<CredentialIssuer>;
};

type Reached = Extract<IssuerConfig, { kind: "postgres" | "redis" }>;

const makers: Makers = {
  aws: (config, { store, env, identity }) =>
    awsIssuer(config, { ...shared(config.name, store), identity, read: (from) => readSecret(from, env, config.name) }),
  jwt: ({ name, audience, listen }, { config, store, signing }) =>
    makeJwtIssuer({
      ...shared(name, store),
      ...{ audience, listen, registry: store.tokens, keys: signing(listen.port) },
      ...{ trustDomain: trustDomainOf(config, store), identityUrl: identityUrlAt(config, listen) },
    }),
  oauth: (config, { store, env, identity }) => {
    const { name, client, mode, transport } = config;
    const read = (from: SecretSource) => readSecret(from, env, name, "what the server gave for this client");
    return makeOauthIssuer({
      ...config,
      ...shared(name, store),
      identity: async () => identity,
      transportKey: transport.client === null ? null : read(transport.client.key),
      client: oauthClient(client, read),
      mode: mode.kind === "token" ? mode : { ...mode, initial: mode.initial === null ? null : read(mode.initial) },
    });
  },
  postgres: (config, { store, env }) => makePostgresIssuer({ ...shared(config.name, store), ...reached(config, env) }),
  redis: (config, { store, env }) => makeRedisIssuer({ ...shared(config.name, store), ...reached(config, env) }),
  ssh: ({ name, host, port, hostKey, commands, sourceAddresses }, { store, state, keys, env }) =>
    makeSshIssuer({
      ...shared(name, store),
      ...{ keys, registry: store.tokens, host: { host, port, hostKey }, commands, sourceAddresses },
      ...{ directory: join(state.directory("published"), "ssh", name), places: state.directory("ssh") },
      programs: findSshPrograms(env.PATH ?? ""),
    }),
  vault: (config, { env, identity }) =>
    vaultIssuer(config, { clock: systemClock, identity, read: (from) => readSecret(from, env, config.name) }),
  x509: async ({ name, crlLifeMs, probe }, { config, store, state, keys }) => {
    // Its library takes a fifth of a second and 20 MiB: for those alone who use it.
    const { makeX509Issuer } = await import("../adapters/issuers/x509.ts");
    const directory = join(state.directory("published"), "x509", name);
    const files = { directory, keys, registry: store.tokens, trustDomain: trustDomainOf(config, store) };
    return makeX509Issuer({ ...shared(name, store), ...files, listLifeMs: crlLifeMs, probe });
  },
};

/** Of an issuer that is reached at a URL with its root credential in it. */
function reached({ kind, name, url, transport }: Reached, env: IssuersParts["env"]) {
  const form = `${kind}://user:password@host:port${kind === "postgres" ? "/database" : ""}`;
  const key = transport.client?.key;
  return {
    adminUrl: readSecret(url, env, name, form),
    transport,
    clientKey: key === undefined ? null : readSecret(key, env, name, "the client certificate's private key, PEM"),
  };
}

function oauthClient(client: OauthIssuerConfig["client"], read: (from: SecretSource) => string): OauthClient {
  const { id } = client;
  if ("secret" in client) return { id, secret: read(client.secret) };
  return "key" in client ? { id, key: read(client.key) } : { id, tls: client.tls };
}

function shared(name: string, { installation }: SqliteStore) {
  return { name, installation, clock: systemClock, random: systemRandom };
}

export function makeIssuers(parts: IssuersParts): Issuers {
  const { config, world } = parts;
  const opened = new Set<Promise<CredentialIssuer>>();
  const open = remember((name: string) => name, openIssuer);

  async function openIssuer(name: string): Promise<CredentialIssuer> {
    if (world.issuer !== undefined) return world.issuer(name);
    const issuer = config.issuers[name];
    if (issuer === undefined)
      throw new IssuerFailure("issuer_unavailable", `there is no issuer ${name} in the config any more`);
    const make = makers[issuer.kind] as (config: IssuerConfig, parts: IssuersParts) => Promise<CredentialIssuer>;
    const env = { ...parts.env, ...(await openSealed(issuer, parts.keys)) };
    const made = await make(issuer, { ...parts, env });
    for (const job of Object.values(config.jobs)) checkScope(made, name, job);
    return world.around?.issuer(name, made) ?? made;
  }

  return {
    get(name) {
      const issuer = open(name);
      opened.add(issuer);
      return issuer;
    },
    async close() {
      const settled = await Promise.allSettled(opened);
      await Promise.all(settled.map((issuer) => (issuer.status === "fulfilled" ? issuer.value.close() : undefined)));
    },
  };
}

// Only the issuer knows what its scopes look like; the mistake is the config's all the same.
function checkScope(issuer: CredentialIssuer, name: string, { name: job, grants: { credential } }: JobSpec): void {
  if (credential?.issuer !== name) return;
  try {
    issuer.checkScope(credential.scope);
  } catch (cause) {
    throw new MayflyError({
      code: "config_invalid",
      message: `jobs.${job}.credential.scope is not of the form that issuer ${name} (${issuer.kind}) takes`,
      found: JSON.stringify(credential.scope),
      needed: messageOf(cause),
      cause,
    });
  }
}
