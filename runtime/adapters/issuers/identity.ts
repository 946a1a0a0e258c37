// Identities of runs: JWT-SVIDs (SPIFFE), ES256, for one audience each, that verifiers check by discovery and JWKS. Answers
// for what stands in one, and for their end: introspection says inactive once the run has ended. Keys and server are the
// embedded issuer's (jwt-keys.ts, jwt-endpoint.ts), shared with access tokens on the same port, and told apart by type.
//
// An identity's life: registered (durable, before anybody has it) → active → ended with its run · expired.
import { CompactSign } from "jose";
import { hex, type RunId, runIdDigits } from "../../model/ids.ts";
import { spiffeIdOf } from "../../model/spiffe.ts";
import type { Clock } from "../../ports/clock.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import type { IdentityIssuer, IdentityRequest, IdentityToken } from "../../ports/identity.ts";
import type { Random } from "../../ports/random.ts";
import type { TokenRegistry } from "../../ports/token-registry.ts";
import { identityRegistryName, type TokenClaims } from "./jwt-desk.ts";
import { type JwtEndpoint, loopbackUrl, openJwtEndpoint } from "./jwt-endpoint.ts";
import type { SigningKeys } from "./jwt-keys.ts";

/** Verifiers that never introspect take one for so long after its run's end at most: what SPIFFE suggests for a JWT-SVID. */
export const identityLifeMsMax = 300_000;

export interface IdentityParts {
  /** Loopback only; port 0 is any free one. */
  listen: { host: string; port: number };
  /** Where a proxy or a bucket publishes us; null: the server's own URL is the issuer. */
  url: string | null;
  trustDomain: string;
  keys: SigningKeys;
  registry: TokenRegistry;
  clock: Clock;
  random: Random;
}

export type EmbeddedIdentity = IdentityIssuer & {
  /**
   * Publishes keys before the first token.
   * @returns the server's own URL. Rejects with MayflyError `issuer_port_taken` and those of the keys.
   */
  open(): Promise<string>;
  close(): Promise<void>;
};

/** Nothing is opened or made before it is needed. */
export function makeIdentityIssuer(parts: IdentityParts): EmbeddedIdentity {
  const { listen, keys, registry, clock, random } = parts;
  const making = new Map<RunId, Set<Promise<unknown>>>();
  let endpoint: Promise<JwtEndpoint> | undefined;
  let url = parts.url ?? loopbackUrl(listen);

  function open(): Promise<JwtEndpoint> {
    endpoint ??= openJwtEndpoint({ ...parts, identityUrl: parts.url }).then((opened) => {
      url = parts.url ?? opened.url;
      return opened;
    });
    endpoint.catch(() => {
      endpoint = undefined;
    });
    return endpoint;
  }

  async function make(request: IdentityRequest, signal: AbortSignal): Promise<IdentityToken> {
    await (await open()).ensure();
    const claims = claimsOf(request);
    const { kid, privateKey } = await keys.active();
    const token = await new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
      .setProtectedHeader({ alg: "ES256", typ: "JWT", kid })
      .sign(privateKey);
    signal.throwIfAborted();
    const expiresAt = claims.exp * 1_000;
    await registry.add({ jti: claims.jti, issuer: identityRegistryName, runId: request.runId, expiresAt });
    return { token, expiresAt };
  }

  function claimsOf({ runId, job, tenant, audience, expiresAt }: IdentityRequest): TokenClaims {
    const nowS = Math.floor(clock.nowMs() / 1_000);
    const exp = Math.min(nowS + identityLifeMsMax / 1_000, Math.floor(expiresAt / 1_000)); // downwards: never later than asked
    if (!(exp > nowS))
      throw new IssuerFailure("issuer_refused", "an identity needs a whole second to live, found less");
    return {
      iss: url,
      sub: spiffeIdOf(parts.trustDomain, { runId, job, tenant }),
      aud: audience,
      iat: nowS,
      nbf: nowS,
      exp,
      jti: `${runIdDigits(runId)}-${hex(random.bytes(8))}`,
      mayfly: { run: runId, job, tenant },
    };
  }

  function active(): RunId[] {
    const rows = registry.active(identityRegistryName, clock.nowMs());
    return [...new Set(rows.map(({ runId }) => runId))];
  }

  return {
    get url() {
      return url;
    },
    spiffeId: (run) => spiffeIdOf(parts.trustDomain, run),
    async token(request, signal) {
      const token = make(request, signal);
      const ofRun = making.get(request.runId) ?? new Set();
      making.set(request.runId, ofRun.add(token));
      try {
        return await token;
      } finally {
        ofRun.delete(token);
        if (ofRun.size === 0) making.delete(request.runId);
      }
    },
    async end(runId) {
      await Promise.allSettled(making.get(runId) ?? []);
      if (active().includes(runId)) await registry.revoke(identityRegistryName, runId);
    },
    active,
    open: async () => (await open()).url,
    async close() {
      await (await endpoint?.catch(() => undefined))?.close();
      endpoint = undefined;
    },
  };
}
