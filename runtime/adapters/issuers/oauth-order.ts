// What is asked for, in the protocol's words: a token by client credentials (RFC 6749, 4.4), or one in exchange for the run's
// identity (RFC 8693); and what an answer has to be. Answers for refusing before anything is asked where the server's tokens
// live longer than the run may hold one.
import type { EpochMs } from "../../model/units.ts";
import { type IssueRequest, IssuerFailure } from "../../ports/credential-issuer.ts";
import type { IdentityIssuer } from "../../ports/identity.ts";
import { accessTokenType, checkScope, type Expected } from "./oauth-answer.ts";

export interface OrderParts {
  server: URL;
  grant: "client_credentials" | "token-exchange";
  /** Of the server's access tokens, as its operator says; ms. A longer one is refused. */
  tokenLifeMs: number;
  /** Where tokens are to be good: the server's own name for it, and a URI (RFC 8707). */
  audience: string | null;
  resource: string | null;
  /** Exchange: the `sub` of its tokens; null for the run's own SPIFFE ID. */
  subject: string | null;
  /** Exchange only. */
  identity: () => Promise<IdentityIssuer>;
}

export interface Order {
  grant: string;
  /** Of the request for a token. */
  words: Record<string, string>;
  /** Whose client asks is known later. */
  expected: Omit<Expected, "clientId">;
}

const exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";
const jwtType = "urn:ietf:params:oauth:token-type:jwt";
/** An identity is shown once, right away; ms. */
const identityMs = 60_000;
/** A token's life begins when the server answers, which may be so long after we asked; ms. */
export const answerMs = 8_000;

/** @throws IssuerFailure `scope_invalid`, `issuer_refused`; what an identity can't be had for. */
export async function orderOf(
  request: IssueRequest,
  parts: OrderParts,
  now: EpochMs,
  signal: AbortSignal,
): Promise<Order> {
  const { scope, expiresAt } = request;
  const { audience, resource, tokenLifeMs } = parts;
  checkScope(scope);
  checkRoom(expiresAt - now, tokenLifeMs);
  const subject = parts.grant === "token-exchange" ? await subjectOf(request, parts, now, signal) : undefined;
  return {
    grant: subject === undefined ? "client_credentials" : exchangeGrant,
    words: {
      scope: scope.join(" "),
      ...(audience === null ? {} : { audience }),
      ...(resource === null ? {} : { resource }),
      ...subject?.words,
    },
    expected: {
      ...{ scope, expiresAt, lifeMs: tokenLifeMs, subject: subject?.is ?? null },
      audience: [audience, resource].filter((each) => each !== null),
    },
  };
}

async function subjectOf(request: IssueRequest, parts: OrderParts, now: EpochMs, signal: AbortSignal) {
  const { lease, job, tenant } = request;
  const run = { runId: lease.runId, job, tenant };
  const identity = await parts.identity();
  const asked = { ...run, audience: parts.server.href.replace(/\/$/, ""), expiresAt: now + identityMs };
  const { token } = await identity.token(asked, signal);
  return {
    is: parts.subject ?? identity.spiffeId(run),
    words: { subject_token: token, subject_token_type: jwtType, requested_token_type: accessTokenType },
  };
}

function checkRoom(leftMs: number, tokenLifeMs: number): void {
  if (!(leftMs > 0)) {
    throw new IssuerFailure("issuer_refused", "a token needs time to live: found an expiry that has passed");
  }
  if (leftMs >= tokenLifeMs + answerMs) return;
  const found = `the run may hold a token for ${Math.floor(leftMs / 1_000)} s, and the server's live ${tokenLifeMs / 1_000} s`;
  const needed = `${answerMs / 1_000} s more than they live: shorter tokens at the server, or a longer ttl and wall time`;
  throw new IssuerFailure("issuer_refused", `${found}; needed ${needed}`);
}
