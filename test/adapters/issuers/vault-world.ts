// The Vault issuer before the stand-in, with a resource that takes the passwords which live.
import { randomBytes } from "node:crypto";
import { generateKeyPair, SignJWT } from "jose";
import { makeIssuerHttp } from "../../../runtime/adapters/issuers/issuer-http.ts";
import { makeVaultIssuer, type VaultIssuerParts } from "../../../runtime/adapters/issuers/vault.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { runIdDigits } from "../../../runtime/model/ids.ts";
import type { Clock } from "../../../runtime/ports/clock.ts";
import type { CredentialIssuer, LeaseRef } from "../../../runtime/ports/credential-issuer.ts";
import type { IdentityIssuer } from "../../../runtime/ports/identity.ts";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";
import {
  type DynamicRole,
  type JwtRole,
  type Policy,
  startVaultStandIn,
  type VaultStandIn,
} from "../../../runtime/testkit/vault-stand-in.ts";

export const path = "database/creds/readonly";
export const signal = new AbortController().signal;
const audience = "https://vault.test";
const issuerUrl = "https://identity.test";
const { publicKey, privateKey } = await generateKeyPair("ES256");

/** Who a run is, signed by a key of this test's. */
export const identity: IdentityIssuer = {
  url: issuerUrl,
  spiffeId: ({ runId, job }) => `spiffe://test/${job}/${runIdDigits(runId)}`,
  end: async () => {},
  active: () => [],
  async token(request) {
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: "ES256" })
      .setIssuer(issuerUrl)
      .setSubject(identity.spiffeId(request))
      .setAudience(request.audience)
      .setExpirationTime(new Date(request.expiresAt))
      .sign(privateKey);
    return { token, expiresAt: request.expiresAt };
  },
};

export const leasePolicy: Policy = { "sys/leases/revoke": ["update"] };
export const managementPolicy: Policy = {
  ...{ "auth/token/lookup-accessor": ["update"], "auth/token/revoke-accessor": ["update"] },
  ...{ "sys/leases/lookup": ["update"], "sys/leases/revoke": ["update"], "sys/capabilities-self": ["update"] },
};

export interface WorldOptions {
  clock?: Clock;
  namespace?: string;
  role?: Partial<JwtRole>;
  dynamic?: Partial<DynamicRole>;
  policies?: Record<string, Policy>;
  /** Fields that the engine answers beside user and password. */
  extra?: Record<string, string>;
}

export interface VaultWorld {
  vault: VaultStandIn;
  /** Passwords that the resource takes now. */
  live: Set<string>;
  management: string;
  open(changes?: Partial<VaultIssuerParts>): CredentialIssuer;
}

export async function openWorld(options: WorldOptions = {}): Promise<VaultWorld> {
  const { clock = systemClock, role = {}, dynamic = {}, policies = {}, extra = {}, namespace } = options;
  const live = new Set<string>();
  const vault = await startVaultStandIn({
    clock,
    ...(namespace === undefined ? {} : { namespace }),
    policies: { readers: { [path]: ["read"], ...leasePolicy }, managers: managementPolicy, ...policies },
    jwt: {
      ...{ mount: "jwt", issuer: issuerUrl, keys: async () => publicKey },
      roles: { mayfly: { audience, policies: ["readers"], ttlMs: 3_600_000, ...role } },
    },
    dynamic: {
      "kv/static": { ttlMs: 0, create: () => ({ password: "static" }), drop: () => {} },
      [path]: {
        ttlMs: 3_600_000,
        create() {
          const password = randomBytes(18).toString("base64url");
          live.add(password);
          return { username: `v-${password.slice(0, 6)}`, password, ...extra };
        },
        drop: ({ password = "" }) => void live.delete(password),
        ...dynamic,
      },
    },
  });
  const management = vault.token(["managers"]).id;
  return {
    ...{ vault, live, management },
    open(changes = {}) {
      const transport = { ca: null, client: null, plaintext: false };
      return makeVaultIssuer({
        ...{ clock, http: makeIssuerHttp({ transport, clientKey: null, nowMs: clock.nowMs }), url: new URL(vault.url) },
        ...{ namespace: namespace ?? null, identity, login: { mount: "jwt", role: "mayfly", audience } },
        ...{ credentials: new Map([[path, { secret: ["password"], with: [] }]]), wrapS: null, management },
        ...changes,
      });
    },
  };
}

/** As the broker keeps it: the last one counts. */
export function notingInto(lease: LeaseRef) {
  return async (handle: string): Promise<void> => {
    lease.handle = handle;
  };
}

export function requestFor(changes: object = {}) {
  return {
    ...{ lease: newLease(), job: "order-sync", tenant: "acme", scope: [path], purpose: "nightly sync" },
    expiresAt: systemClock.nowMs() + 60_000,
    ...changes,
  };
}
