// One token, from the request to the moment when it may be handed out. What the server gave is kept before it is judged, and
// shown to introspection before either: a token that introspection has called active can later be proven dead by it, and one
// that it never did can't. Ending what is refused here is oauth.ts's.
import type { EpochMs } from "../../model/units.ts";
import { type IssuedCredential, IssuerFailure } from "../../ports/credential-issuer.ts";
import { checkIntrospection, checkToken, type Expected, tokensOf, wrong } from "./oauth-answer.ts";
import type { OauthHandle } from "./oauth-handle.ts";
import type { Caller, OauthServer } from "./oauth-server.ts";

export interface TokenRequest {
  server: OauthServer;
  /** Whose token it is to be. */
  as: Caller;
  /** Mayfly's own client: asks introspection. */
  self: Caller;
  grant: string;
  words: Record<string, string>;
  expected: Expected;
  /** Kept before. */
  before: OauthHandle;
  /** Keeps durably what was heard of; absent where the run's client ends its tokens with it. */
  keep: ((handle: OauthHandle) => Promise<void>) | undefined;
  nowMs: () => EpochMs;
  signal: AbortSignal;
}

export interface Obtained {
  issued: IssuedCredential;
  handle: OauthHandle;
}

export async function obtainToken(asked: TokenRequest): Promise<Obtained> {
  const { server, as, self, before, expected, nowMs, signal } = asked;
  const answer = await server.token(as, asked.grant, asked.words, signal);
  const tokens = tokensOf(answer.json);
  let handle: OauthHandle = { ...before, tokens, until: untilOf(answer.json, before, nowMs()) };
  await asked.keep?.(handle);
  const { introspection_endpoint: introspection, revocation_endpoint: revocation } = server.metadata;
  const looked = introspection === undefined ? [] : tokens;
  const seen = await Promise.all(looked.map((token) => server.introspect(self, token, signal)));
  if (looked.length > 0 && seen.every(({ active }) => active)) {
    handle = { ...handle, sure: true };
    await asked.keep?.(handle);
  }
  const given = await answer.read();
  checkToken(given, expected);
  const expiresAt = nowMs() + (given.expires_in ?? 0) * 1_000;
  if (expiresAt > expected.expiresAt) throw wrong("a token that outlives what was asked for", "a shorter life");
  if (given.refresh_token !== undefined) {
    if (revocation === undefined) throw wrong("a refresh token, and no way to revoke it", "an access token alone");
    await server.revoke(as, given.refresh_token, signal);
    // Some servers end the access token with it (RFC 7009, 2.1): then there is nothing to hand out.
    if (introspection !== undefined) seen[0] = await server.introspect(self, given.access_token, signal);
  }
  const [shown] = seen;
  if (shown !== undefined) checkIntrospection(shown, given.scope, expected);
  return { issued: { secret: given.access_token, expiresAt }, handle };
}

/** A token that says nothing of its life has that of the server's tokens; a refresh token's nobody knows. */
function untilOf(answer: Record<string, unknown>, before: OauthHandle, now: EpochMs): EpochMs | null {
  if (answer.refresh_token !== undefined || before.until === null) return null;
  const lifeMs = Number(answer.expires_in) * 1_000;
  return lifeMs > 0 ? Math.max(before.until, now + lifeMs) : before.until;
}

/** Only a refusal says that no token was made. */
export function isRefusal(error: unknown): boolean {
  return error instanceof IssuerFailure && error.code === "issuer_refused";
}
