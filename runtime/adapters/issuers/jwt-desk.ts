// What the embedded issuer says of a token that it is shown: active, or not. Answers for taking nothing for ours that our
// keys didn't sign (RFC 8725): the key is found by `kid` in our own set and nowhere else, the algorithm is ES256, and an
// access token is told from an identity by its type. Signed is not enough: the registry must know it as not ended.
//
//   typ      claims.iss          the registry's issuer        ended by
//   at+jwt   the server's URL    claims.mayfly.issuer         its lease's end, or whoever holds it (RFC 7009)
//   JWT      the identities'     `identityRegistryName`       its run's end
import { compactVerify, decodeProtectedHeader } from "jose";
import { isRunId, type RunId } from "../../model/ids.ts";
import type { Clock } from "../../ports/clock.ts";
import type { TokenRegistry } from "../../ports/token-registry.ts";
import type { SigningKeys } from "./jwt-keys.ts";
import type { TokenDesk } from "./jwt-server.ts";

/** Longer ones are not looked at: ours have about 900 characters. */
export const tokenCharsMax = 8_192;
/** In the registry; no issuer of a config can have such a name. */
export const identityRegistryName = "@identity";

export type TokenType = "at+jwt" | "JWT";

/** What every token of ours says. Times are whole seconds since 1970 (RFC 7519, NumericDate). */
export interface TokenClaims {
  iss: string;
  sub: string;
  aud: string;
  iat: number;
  nbf: number;
  exp: number;
  jti: string;
  /** Access tokens only. */
  client_id?: string;
  scope?: string;
  mayfly: { run: RunId; job: string; tenant: string; purpose?: string; issuer?: string };
}

export interface TokenDeskParts {
  /** The claim `iss` of each type. */
  issuerUrls: Record<TokenType, string>;
  keys: SigningKeys;
  registry: TokenRegistry;
  clock: Clock;
}

/** Answers for every issuer of this installation: which one a token is of stands in it, signed. */
export function makeTokenDesk({ issuerUrls, keys, registry, clock }: TokenDeskParts): TokenDesk {
  /** A token that we signed, registered and did not end; expiry is the caller's to look at. */
  async function standing(token: string): Promise<{ typ: TokenType; claims: TokenClaims } | null> {
    const verified = await verify(token, keys);
    if (verified === null) return null;
    const { typ, claims } = verified;
    if (claims.iss !== issuerUrls[typ]) return null;
    const row = registry.find(registryNameOf(typ, claims), claims.jti);
    return row === undefined || row.revoked || row.runId !== claims.mayfly.run ? null : verified;
  }

  return {
    async introspect(token) {
      const found = await standing(token);
      const nowMs = clock.nowMs();
      if (found === null) return null;
      const { typ, claims } = found;
      if (nowMs >= claims.exp * 1_000 || nowMs < claims.nbf * 1_000) return null;
      const { mayfly: _ours, ...members } = claims;
      return typ === "at+jwt" ? { ...members, token_type: "Bearer" } : members;
    },
    async revoke(token) {
      const found = await standing(token);
      if (found === null) return "done";
      // Whoever was shown an identity could else end all others of that run.
      if (found.typ === "JWT") return "unsupported";
      await registry.revoke(registryNameOf(found.typ, found.claims), found.claims.mayfly.run);
      return "done";
    },
  };
}

function registryNameOf(typ: TokenType, { mayfly }: TokenClaims): string {
  return typ === "JWT" ? identityRegistryName : (mayfly.issuer ?? "");
}

async function verify(token: string, keys: SigningKeys): Promise<{ typ: TokenType; claims: TokenClaims } | null> {
  if (token.length > tokenCharsMax) return null;
  const published = await keys.published(); // outside of the try: without keys nothing is known
  try {
    const { kid, typ } = decodeProtectedHeader(token);
    const key = published.find((each) => each.kid === kid);
    if (key === undefined || (typ !== "at+jwt" && typ !== "JWT")) return null;
    const { payload, protectedHeader } = await compactVerify(token, key.publicKey, { algorithms: ["ES256"] });
    // Ours have no other member: what names another key or more rules was not made by us.
    if (Object.keys(protectedHeader).sort().join() !== "alg,kid,typ") return null;
    const claims = JSON.parse(new TextDecoder().decode(payload)) as TokenClaims;
    return isRunId(claims.mayfly?.run) ? { typ, claims } : null; // signed by this key: of our making
  } catch {
    return null;
  }
}
