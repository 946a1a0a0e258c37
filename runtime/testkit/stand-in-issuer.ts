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
  /** What it mints, beginning with the first; when they are used up, values of its own. */
  secrets?: readonly string[];
  /** What gives a credential away; the secret itself by default. */
  parts?: readonly string[];
  /** What `credential.query` answers. */
  query?: (sql: string, params: QueryRequest["params"]) => QueryResult | Promise<QueryResult>;
}

export interface StandInIssuer extends CredentialIssuer {
  /** Whether this secret is good now. */
  accepts(secret: string): boolean;
  /** All that it has minted, in order. */
  readonly minted: readonly string[];
}

export function makeStandInIssuer({ secrets = [], parts, query }: StandInOptions = {}): StandInIssuer {
  const live = new Map<RunId, string>();
  const minted: string[] = [];
  const issuer: StandInIssuer = {
    kind: "stand-in",
    accepts: (secret) => [...live.values()].includes(secret),
    minted,
    checkScope(scope) {
      if (scope.length === 0) throw new IssuerFailure("scope_invalid", "a credential needs a scope");
    },
    async issue({ lease, scope, expiresAt }) {
      issuer.checkScope(scope);
      const secret = secrets[minted.length] ?? `stand-in-credential-${minted.length + 1}-of-${lease.runId}`;
      minted.push(secret);
      live.set(lease.runId, secret);
      return { secret, expiresAt, ...(parts === undefined ? {} : { parts }) };
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
