// The token store, the policies and the leases of the Vault stand-in (vault-stand-in.ts), as HashiCorp's and OpenBao's
// documentation describe them: a token has an accessor and a time to live; a lease belongs to the token that asked for
// it; a token that ends takes its leases with it, a moment later; a policy grants capabilities on paths, and what no
// policy names is denied.
import { randomBytes, randomUUID } from "node:crypto";
import type { Clock } from "../ports/clock.ts";

export type Capability = "create" | "read" | "update" | "delete" | "list" | "sudo" | "deny";

/** Path, exact or with `*` at its end, to capabilities. */
export type Policy = Readonly<Record<string, readonly Capability[]>>;

export interface Token {
  id: string;
  accessor: string;
  policies: readonly string[];
  displayName: string;
  meta: Record<string, string>;
  type: "service" | "batch";
  /** Uses that are left; 0: unlimited. */
  usesLeft: number;
  renewable: boolean;
  /** Epoch, ms; null: never. */
  expiresAt: number | null;
  /** Latest expiry that a renewal can reach. */
  expiresMax: number | null;
  createdAt: number;
  path: string;
}

export interface Lease {
  id: string;
  token: string;
  issuedAt: number;
  expiresAt: number;
  expiresMax: number;
  renewable: boolean;
  /** The engine's own undoing. */
  drop(): Promise<void> | void;
}

/** What every token may do, unless its role says otherwise: Vault's built-in policy, as far as its paths exist here. */
export const defaultPolicy: Policy = {
  "auth/token/lookup-self": ["read"],
  "auth/token/renew-self": ["update"],
  "auth/token/revoke-self": ["update"],
  "sys/capabilities-self": ["update"],
  "sys/leases/renew": ["update"],
  "sys/leases/lookup": ["update"],
  "sys/wrapping/unwrap": ["update"],
};

export interface TokenStore {
  create(parts: Pick<Token, "policies" | "displayName" | "path"> & Partial<Token>, ttlMs: number | null): Token;
  /** A live token; expired ones end here. */
  find(id: string): Token | undefined;
  byAccessor(accessor: string): Token | undefined;
  accessors(): string[];
  /** Ends the token; its leases follow in the background, as documented. */
  revoke(token: Token): void;
  capabilities(token: Token, path: string): readonly Capability[];
  addLease(lease: Lease): void;
  lease(id: string): Lease | undefined;
  leaseIds(prefix: string): string[];
  revokeLease(lease: Lease): Promise<void>;
  /** While true, leases of ended tokens wait in the queue: a server that has much to do. */
  holdQueue(hold: boolean): Promise<void>;
}

export function makeTokenStore(clock: Clock, policies: Map<string, Policy>): TokenStore {
  const tokens = new Map<string, Token>();
  const leases = new Map<string, Lease>();
  let isHeld = false;

  function expired(at: number | null): boolean {
    return at !== null && clock.nowMs() >= at;
  }

  function revoke(token: Token): void {
    tokens.delete(token.id);
    if (!isHeld) void drain();
  }

  async function revokeLease(lease: Lease): Promise<void> {
    if (!leases.delete(lease.id)) return;
    await lease.drop();
  }

  /** Ends leases whose token is gone, or whose time is over. */
  async function drain(): Promise<void> {
    const over = [...leases.values()].filter(({ token, expiresAt }) => !tokens.has(token) || expired(expiresAt));
    await Promise.all(over.map(revokeLease));
  }

  function find(id: string): Token | undefined {
    const token = tokens.get(id);
    if (token === undefined || !expired(token.expiresAt)) return token;
    revoke(token);
    return undefined;
  }

  return {
    create(parts, ttlMs) {
      const expiresAt = ttlMs === null ? null : clock.nowMs() + ttlMs;
      const token: Token = {
        id: `hvs.${randomBytes(18).toString("base64url")}`,
        accessor: randomBytes(18).toString("base64url"),
        ...{ meta: {}, type: "service", usesLeft: 0, renewable: true, expiresMax: expiresAt },
        ...{ createdAt: clock.nowMs(), expiresAt },
        ...parts,
      };
      tokens.set(token.id, token);
      return token;
    },
    find,
    byAccessor(accessor) {
      const token = [...tokens.values()].find((each) => each.accessor === accessor);
      return token === undefined ? undefined : find(token.id);
    },
    accessors: () => [...tokens.values()].map(({ accessor }) => accessor),
    revoke,
    capabilities(token, path) {
      if (token.policies.includes("root")) return ["create", "read", "update", "delete", "list", "sudo"];
      const granted = token.policies.flatMap((name) => bestRule(policies.get(name) ?? {}, path));
      return granted.includes("deny") || granted.length === 0 ? ["deny"] : [...new Set(granted)];
    },
    addLease: (lease) => void leases.set(lease.id, lease),
    lease(id) {
      const lease = leases.get(id);
      if (lease !== undefined) find(lease.token); // an expired token takes its leases with it
      if (lease === undefined || !expired(lease.expiresAt)) return lease;
      void revokeLease(lease);
      return undefined;
    },
    leaseIds: (prefix) => [...leases.keys()].filter((id) => id.startsWith(prefix)),
    revokeLease,
    async holdQueue(hold) {
      isHeld = hold;
      if (!hold) await drain();
    },
  };
}

/** The exact path wins over the longest prefix. */
function bestRule(policy: Policy, path: string): readonly Capability[] {
  const exact = policy[path];
  if (exact !== undefined) return exact;
  const prefixes = Object.keys(policy).filter((each) => each.endsWith("*") && path.startsWith(each.slice(0, -1)));
  const longest = prefixes.sort((a, b) => b.length - a.length)[0];
  return longest === undefined ? [] : (policy[longest] ?? []);
}

const sudoPaths = ["auth/token/accessors"];

/** Whether they are enough for such a request. */
export function isPermitted(capabilities: readonly Capability[], method: string, path: string): boolean {
  if (sudoPaths.includes(path) && !capabilities.includes("sudo")) return false;
  const needed: Record<string, readonly Capability[]> = {
    ...{ GET: ["read"], POST: ["update", "create"], DELETE: ["delete"], LIST: ["list"] },
  };
  return (needed[method] ?? []).some((each) => capabilities.includes(each));
}

/** As `auth/token/lookup…` answers. */
export function describeToken(token: Token, nowMs: number, id: string): Record<string, unknown> {
  const { accessor, policies, displayName, meta, type, usesLeft, renewable, expiresAt, createdAt, path } = token;
  return {
    ...{ id, accessor, policies, display_name: displayName, meta, type, num_uses: usesLeft, renewable, path },
    creation_time: Math.floor(createdAt / 1_000),
    creation_ttl: expiresAt === null ? 0 : Math.floor((expiresAt - createdAt) / 1_000),
    expire_time: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    explicit_max_ttl: 0,
    issue_time: new Date(createdAt).toISOString(),
    ttl: expiresAt === null ? 0 : Math.max(0, Math.floor((expiresAt - nowMs) / 1_000)),
    orphan: true,
    entity_id: randomUUID(),
  };
}
