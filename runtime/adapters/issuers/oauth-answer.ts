// Whether a server's answer is what was asked for: type, life, scope, subject, audience. A token that may do more, or for
// longer, is refused here and ended by oauth.ts; so is one that may do less, since the job would find out in the middle of
// its work. Nothing of a token is ever in a message.
import type { IntrospectionResponse, TokenEndpointResponse } from "oauth4webapi";
import { quote } from "../../model/error.ts";
import type { EpochMs } from "../../model/units.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";

export interface Expected {
  scope: readonly string[];
  /** Of the server's access tokens; ms. */
  lifeMs: number;
  /** When it has to be dead by itself. */
  expiresAt: EpochMs;
  /** Whose client asked. */
  clientId: string;
  /** Exchange only: whom the token is for. */
  subject: string | null;
  /** Where it is to be good, and nowhere else; empty when the config doesn't say. */
  audience: readonly string[];
}

export const accessTokenType = "urn:ietf:params:oauth:token-type:access_token";

/** Servers of resources take header fields of 8 to 16 KiB. */
const tokenCharsMax = 16_384;
const scopesMax = 64;
const scopeChars = /^[\x21\x23-\x29\x2b-\x5b\x5d-\x7e]{1,256}$/; // RFC 6749, 3.3, without the asterisk

/** @throws IssuerFailure `scope_invalid`. */
export function checkScope(scope: readonly string[]): void {
  if (scope.length === 0 || scope.length > scopesMax) {
    throw new IssuerFailure("scope_invalid", `scope: found ${scope.length} entries, needed 1 to ${scopesMax}`);
  }
  const bad = scope.find((entry) => !scopeChars.test(entry) || entry.includes(","));
  if (bad !== undefined) {
    const needed = 'one scope of RFC 6749 (section 3.3) an entry: printable ASCII without space, comma, ", \\ and *';
    throw new IssuerFailure("scope_invalid", `scope: found ${quote(bad)}, needed ${needed}`);
  }
  if (scope.includes("offline_access")) {
    const why = "asks for a refresh token, which outlives the run";
    throw new IssuerFailure("scope_invalid", `scope: found "offline_access", which ${why}`);
  }
  if (new Set(scope).size !== scope.length) throw new IssuerFailure("scope_invalid", "scope: an entry stands twice");
}

/** Access token, then a refresh token: whatever of it was created has to be ended, be the rest of the answer what it may. */
export function tokensOf(answer: Record<string, unknown>): string[] {
  const found = [answer.access_token, answer.refresh_token];
  return found.filter((token): token is string => typeof token === "string" && token !== "");
}

/** @throws IssuerFailure `issuer_garbage`, or `issuer_refused` where it is less than was asked for. */
export function checkToken(answer: TokenEndpointResponse, expected: Expected): void {
  const { access_token: token, token_type: type, expires_in: lifeS, scope } = answer;
  if (token.length > tokenCharsMax || !/^[\x21-\x7e]+$/.test(token)) {
    throw wrong("a token of other characters than ASCII, or longer", `${tokenCharsMax} printable characters at most`);
  }
  if (type !== "bearer") throw wrong(`a token of type ${quote(type, 40)}`, "Bearer (RFC 6750)");
  if (lifeS === undefined || lifeS < 1) throw wrong("no lifetime", "expires_in (RFC 6749, 5.1)");
  if (lifeS * 1_000 > expected.lifeMs) {
    throw wrong(
      `a life of ${Math.ceil(lifeS)} s`,
      `at most ${expected.lifeMs / 1_000} s, as the config's tokenLife says`,
    );
  }
  if (expected.subject !== null && answer.issued_token_type !== accessTokenType) {
    throw wrong("an exchange for another type of token", accessTokenType);
  }
  if (scope !== undefined) checkScopeGiven(scope, expected.scope);
}

/**
 * What the server doesn't tell of a token isn't held against it, save the scope: some give a token without any for one
 * that they don't know, and leave it out of the answer as if it were granted (RFC 6749, 5.1).
 * @param given the scope in the token's answer.
 * @throws as checkToken.
 */
export function checkIntrospection(seen: IntrospectionResponse, given: string | undefined, expected: Expected): void {
  if (!seen.active) {
    const why = "its death could not be proven either; may this client introspect it?";
    throw new IssuerFailure("issuer_refused", `introspection calls the token inactive that was just issued: ${why}`);
  }
  if (seen.cnf !== undefined) {
    throw wrong(
      "a token that is bound to a key (RFC 8705, RFC 9449)",
      "a bearer token, which the job's requests can show",
    );
  }
  checkScopeGiven(seen.scope ?? given ?? "", expected.scope);
  const { client_id: client, sub: subject, aud, exp, iat } = seen;
  if (client !== undefined && client !== expected.clientId)
    throw wrong("another client's token", "one of the client that asked");
  if (expected.subject !== null && subject !== undefined && subject !== expected.subject) {
    throw wrong(`a token for ${quote(subject, 200)}`, `one for ${quote(expected.subject, 200)}`);
  }
  const life = typeof exp === "number" && typeof iat === "number" ? (exp - iat) * 1_000 : 0;
  if (life > expected.lifeMs) throw wrong(`a life of ${life / 1_000} s`, `at most ${expected.lifeMs / 1_000} s`);
  const audience = [aud ?? []].flat();
  if (audience.length === 0 || expected.audience.length === 0) return;
  const stranger = audience.find((each) => !expected.audience.includes(each));
  if (stranger !== undefined) {
    throw wrong(
      `a token that is good at ${quote(stranger, 200)}`,
      `${expected.audience.map((each) => quote(each, 200)).join(" and ")} alone`,
    );
  }
}

function checkScopeGiven(given: string, asked: readonly string[]): void {
  const words = given.split(" ").filter((word) => word !== "");
  const more = words.find((word) => !asked.includes(word));
  if (more !== undefined)
    throw wrong(`a scope that wasn't asked for, ${quote(more, 80)}`, "what the job's scope says, no more");
  const less = asked.find((word) => !words.includes(word));
  if (less === undefined) return;
  throw new IssuerFailure(
    "issuer_refused",
    `the server gave a token without ${quote(less, 80)}, which the job asks for`,
  );
}

export function wrong(found: string, needed: string): IssuerFailure {
  return new IssuerFailure("issuer_garbage", `the server gave ${found}; needed ${needed}`);
}
