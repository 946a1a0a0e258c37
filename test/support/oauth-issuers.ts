// An OAuth issuer against a real server, with what the tests of it have in common: parts, requests, leases whose handles are
// kept as the broker keeps them, and identities signed by a key that the server knows.
import { exportJWK, generateKeyPair, type JSONWebKeySet, SignJWT } from "jose";
import type { Test } from "tap";
import { makeOauthIssuer, type OauthIssuerParts } from "../../runtime/adapters/issuers/oauth.ts";
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import { runIdDigits } from "../../runtime/model/ids.ts";
import type { CredentialIssuer, IssueRequest, LeaseRef } from "../../runtime/ports/credential-issuer.ts";
import type { IdentityIssuer } from "../../runtime/ports/identity.ts";
import { newLease } from "../../runtime/testkit/issuer-contract.ts";
import { type OidcOptions, type OidcServer, startOidcServer } from "./oidc-server.ts";

export const installation = "0a1b2c3d";
export const never = new AbortController().signal;

export function partsFor(server: OidcServer, changes: Partial<OauthIssuerParts> = {}): OauthIssuerParts {
  return {
    ...{ name: "partner", installation, server: new URL(server.url), clock: systemClock },
    transport: { ca: null, client: null, plaintext: false },
    transportKey: null,
    client: { id: "mayfly", secret: server.secret },
    mode: { kind: "registration", initial: server.initialToken },
    ...{ grant: "client_credentials", tokenLifeMs: 50_000, without: [] },
    ...{ audience: null, resource: null, subject: null },
    identity: () => Promise.reject(new Error("no identity is needed here")),
    ...changes,
  };
}

export function openIssuer(server: OidcServer, changes?: Partial<OauthIssuerParts>): Promise<CredentialIssuer> {
  return makeOauthIssuer(partsFor(server, changes));
}

/** What differs between the two. */
export const modes = { registration: {}, token: { mode: { kind: "token" } } } satisfies Record<
  "registration" | "token",
  Partial<OauthIssuerParts>
>;

export async function start(t: Test, options?: OidcOptions): Promise<OidcServer> {
  const server = await startOidcServer(options);
  t.teardown(() => server.stop());
  return server;
}

export async function open(
  t: Test,
  server: OidcServer,
  changes?: Partial<OauthIssuerParts>,
): Promise<CredentialIssuer> {
  const issuer = await openIssuer(server, changes);
  t.teardown(() => issuer.close());
  return issuer;
}

export function requestFor(lease: LeaseRef, changes: Partial<IssueRequest> = {}): IssueRequest {
  const expiresAt = systemClock.nowMs() + 120_000;
  return { lease, job: "order-sync", tenant: "acme", scope: ["orders:read"], purpose: "sync", expiresAt, ...changes };
}

/** The last handle stays in the lease, as the broker keeps it; `notes` has all of them. */
export async function issueTo(issuer: CredentialIssuer, lease = newLease(), changes: Partial<IssueRequest> = {}) {
  const notes: string[] = [];
  const note = async (handle: string) => {
    notes.push(handle);
    lease.handle = handle;
  };
  const issued = await issuer.issue(requestFor(lease, changes), never, note);
  return { lease, issued, notes };
}

export const subjectIssuer = "https://mayfly.test";

/** Signs identities, and nothing else of the port: no introspection, no list. */
export async function makeSigner(): Promise<{ identity: IdentityIssuer; jwks: JSONWebKeySet }> {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const spiffeId: IdentityIssuer["spiffeId"] = ({ runId }) =>
    `spiffe://${installation}.mayfly/run/${runIdDigits(runId)}`;
  const identity: IdentityIssuer = {
    url: subjectIssuer,
    spiffeId,
    async token(request) {
      const token = await new SignJWT({})
        .setProtectedHeader({ alg: "ES256", kid: "1" })
        .setIssuer(subjectIssuer)
        .setSubject(spiffeId(request))
        .setAudience(request.audience)
        .setIssuedAt()
        .setExpirationTime(Math.floor(request.expiresAt / 1_000))
        .sign(privateKey);
      return { token, expiresAt: request.expiresAt };
    },
    async end() {},
    active: () => [],
  };
  return { identity, jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: "1", alg: "ES256" }] } };
}
