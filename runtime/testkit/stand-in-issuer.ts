// A stand-in for any issuer, in memory: it mints values that no resource knows, and remembers their lives. It passes
// the issuers' contract suite, with itself as the resource.
import type { RunId } from "../model/ids.ts";
import {
  type CredentialIssuer,
  IssuerFailure,
  type QueryRequest,
  type QueryResult,
} from "../ports/credential-issuer.ts";

export interface StandInOptions {
  /** What `credential.query` answers. */
  query?: (sql: string, params: QueryRequest["params"]) => QueryResult | Promise<QueryResult>;
}

export interface StandInIssuer extends CredentialIssuer {
  /** Whether this secret is good now. */
  accepts(secret: string): boolean;
}

export function makeStandInIssuer({ query }: StandInOptions = {}): StandInIssuer {
  const live = new Map<RunId, string>();
  let made = 0;
  const issuer: StandInIssuer = {
    kind: "stand-in",
    accepts: (secret) => [...live.values()].includes(secret),
    checkScope(scope) {
      if (scope.length === 0) throw new IssuerFailure("scope_invalid", "a credential needs a scope");
    },
    async issue({ lease, scope, expiresAt }) {
      issuer.checkScope(scope);
      made += 1;
      const secret = `stand-in-credential-${made}-of-${lease.runId}`;
      live.set(lease.runId, secret);
      return { secret, expiresAt };
    },
    async revoke({ runId }) {
      live.delete(runId);
    },
    async prove({ runId }, secret) {
      const isLive = live.has(runId) && (secret === undefined || live.get(runId) === secret);
      return { verdict: isLive ? "alive" : "dead", how: `stand-in: ${isLive ? "live" : "revoked"}` };
    },
    sweep: async () => [...live.keys()].map((runId) => ({ runId })),
    close: async () => {},
  };
  if (query === undefined) return issuer;
  return {
    ...issuer,
    query: async ({ runId }, secret, request) => {
      if (live.get(runId) !== secret) throw new IssuerFailure("issuer_refused", "the lease has ended");
      return query(request.sql, request.params);
    },
  };
}
