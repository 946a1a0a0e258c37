// The embedded issuer: short-lived ES256 access tokens (RFC 9068) that resources verify by our JWKS and, because a
// signature can't be taken back, by introspection. Answers for what is in a token, for the registry row that makes it
// active, and for ending it. Keys are jwt-keys.ts's, the HTTP server jwt-server.ts's, what it answers jwt-desk.ts's, the
// registry the store's.
//
// A token's life: registered (durable, before anybody has it) → active → revoked · expired. A second token for the same
// run ends the first in the registry's own transaction.
import { CompactSign } from "jose";
import { escapeLine, quote } from "../../model/error.ts";
import { hex, runIdDigits } from "../../model/ids.ts";
import { spiffeIdOf } from "../../model/spiffe.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  type CredentialIssuer,
  type IssuedCredential,
  type IssueRequest,
  IssuerFailure,
  type LeaseRef,
  type Proof,
} from "../../ports/credential-issuer.ts";
import type { Random } from "../../ports/random.ts";
import type { TokenRegistry } from "../../ports/token-registry.ts";
import { type TokenClaims, tokenCharsMax } from "./jwt-desk.ts";
import { type JwtEndpoint, openJwtEndpoint } from "./jwt-endpoint.ts";
import { type SigningKey, type SigningKeys, tokenLifeMsMax } from "./jwt-keys.ts";

export interface JwtIssuerParts {
  /** In the config; goes into tokens, so that one server can answer for all issuers of the installation. */
  name: string;
  /** The resource's identifier: the claim `aud`. */
  audience: string;
  /** Loopback only; port 0 is any free one. */
  listen: { host: string; port: number };
  /** The `iss` of identities where it isn't this server's own URL: it answers for them too. */
  identityUrl: string | null;
  keys: SigningKeys;
  registry: TokenRegistry;
  clock: Clock;
  random: Random;
  /** 8 hex digits. */
  installation: string;
  /** Of the SPIFFE ID in `sub`. */
  trustDomain: string;
}

export type JwtIssuer = CredentialIssuer & { readonly url: string };

const scopesMax = 32;
// RFC 6749 section 3.3 without what some resource might read as a pattern or a list: * ? + , { } [ ] and the like.
const scopeToken = /^[A-Za-z0-9](?:[A-Za-z0-9._~:/-]{0,126}[A-Za-z0-9])?$/;

/**
 * Opens the issuer: makes or reads the key, listens or finds a sibling that does.
 * @throws MayflyError `state_directory`, `issuer_port_taken`, `config_invalid`.
 */
export async function makeJwtIssuer(parts: JwtIssuerParts): Promise<JwtIssuer> {
  const { name, registry, clock, keys } = parts;
  const endpoint = await openJwtEndpoint(parts);

  return {
    kind: "jwt",
    get url() {
      return endpoint.url;
    },
    checkScope,

    async issue(request, signal): Promise<IssuedCredential> {
      checkScope(request.scope);
      await reach("serve the issuer's endpoints", signal, () => endpoint.ensure());
      const claims = claimsFor(request, parts, endpoint.url);
      const expiresAt = claims.exp * 1_000;
      const key = await reach("have a signing key", signal, () => keys.active());
      const secret = await signAccessToken(claims, key);
      const row = { jti: claims.jti, issuer: name, runId: request.lease.runId, expiresAt };
      await reach("register the token", signal, () => registry.put(row));
      return { secret, expiresAt };
    },

    async revoke(lease, signal) {
      await reach("end the token", signal, () => registry.revoke(name, lease.runId));
    },

    prove: (lease, secret, signal) => prove(lease, secret, signal, parts, endpoint),

    async sweep(signal) {
      const rows = await reach("list the tokens", signal, async () => registry.active(name, clock.nowMs()));
      return rows.map(({ runId }) => ({ runId }));
    },

    close: () => endpoint.close(),
  };
}

function checkScope(scope: readonly string[]): void {
  if (scope.length === 0 || scope.length > scopesMax) {
    throw new IssuerFailure("scope_invalid", `scope: found ${scope.length} entries, needed 1 to ${scopesMax}`);
  }
  const bad = scope.find((entry) => !scopeToken.test(entry));
  if (bad !== undefined) {
    const needed = "letters, digits and . _ ~ : / - (RFC 6749 section 3.3, no wildcards), 128 characters at most";
    throw new IssuerFailure("scope_invalid", `scope: found ${quote(bad)}, needed ${needed}`);
  }
  if (new Set(scope).size !== scope.length) throw new IssuerFailure("scope_invalid", "scope: an entry stands twice");
}

function claimsFor(request: IssueRequest, parts: JwtIssuerParts, issuerUrl: string): TokenClaims {
  const nowS = Math.floor(parts.clock.nowMs() / 1_000);
  const exp = Math.floor(request.expiresAt / 1_000); // downwards: never later than asked
  if (!(exp > nowS)) throw new IssuerFailure("issuer_refused", "a token needs a whole second to live, found less");
  if (exp - nowS > tokenLifeMsMax / 1_000) {
    const needed = `at most ${tokenLifeMsMax / 1_000} s, for which a retired key stays published`;
    throw new IssuerFailure("issuer_refused", `a token's life: found ${exp - nowS} s, needed ${needed}`);
  }
  const { job, tenant } = request;
  const { runId } = request.lease;
  return {
    iss: issuerUrl,
    sub: spiffeIdOf(parts.trustDomain, { runId, job, tenant }),
    aud: parts.audience,
    client_id: `mayfly-${parts.installation}`,
    iat: nowS,
    nbf: nowS,
    exp,
    jti: `${runIdDigits(runId)}-${hex(parts.random.bytes(8))}`,
    scope: request.scope.join(" "),
    mayfly: {
      run: runId,
      ...{ job, tenant },
      purpose: request.purpose,
      issuer: parts.name,
    },
  };
}

async function signAccessToken(claims: TokenClaims, key: SigningKey): Promise<string> {
  const token = await new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
    .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: key.kid })
    .sign(key.privateKey);
  if (token.length > tokenCharsMax) {
    const found = `${token.length} characters`;
    throw new IssuerFailure("issuer_refused", `the token would have ${found}, needed at most ${tokenCharsMax}`);
  }
  return token;
}

async function prove(
  lease: LeaseRef,
  secret: string | undefined,
  signal: AbortSignal,
  parts: JwtIssuerParts,
  endpoint: JwtEndpoint,
): Promise<Proof> {
  let asked = "";
  if (secret !== undefined) {
    try {
      if (await endpoint.introspect(secret, signal)) return { verdict: "alive", how: "introspection: active" };
      asked = "introspection: inactive; ";
    } catch {
      asked = "introspection: no answer; "; // a resource gets none either, and the registry is what would be answered
    }
  }
  try {
    const active = parts.registry.active(parts.name, parts.clock.nowMs());
    return active.some((row) => row.runId === lease.runId)
      ? { verdict: "alive", how: `${asked}registry: a token of this run is active` }
      : { verdict: "dead", how: `${asked}registry: no active token of this run` };
  } catch (error) {
    return { verdict: "unknowable", how: `${asked}registry: ${escapeLine(String(error), 200)}` };
  }
}

/** Does what may fail for want of a store or a port, and says what it was for. */
async function reach<T>(what: string, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  if (signal.aborted) throw new IssuerFailure("issuer_unavailable", `given up before it could ${what}`);
  try {
    return await act();
  } catch (error) {
    throw new IssuerFailure("issuer_unavailable", `could not ${what}`, error);
  }
}
