// A stand-in for HashiCorp Vault and OpenBao: neither can be had where this is developed. It is no Vault: it follows the
// documented HTTP API of the paths below and is strict about them, so that a client which leans on more than is
// documented fails here. What it doesn't know is a 404, as an unknown route is at Vault.
//
//   POST auth/<mount>/login                       role, jwt: verified against the keys that it was given
//   GET  auth/token/lookup-self   POST renew-self, revoke-self, lookup-accessor, revoke-accessor   LIST accessors (sudo)
//   POST sys/capabilities-self, sys/leases/lookup, sys/leases/renew, sys/leases/revoke, sys/wrapping/unwrap
//   GET  sys/health (no token)    GET <any path that `dynamic` names>    …transit/…: vault-stand-in-transit.ts
//
// Every route takes POST and PUT alike, and LIST as `GET …?list=true`. `X-Vault-Wrap-TTL` wraps any answer. A namespace is all or nothing: with one,
// a request needs `X-Vault-Namespace`. Tokens, policies and leases are vault-stand-in-tokens.ts's.
import { randomBytes, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type JWTVerifyGetKey, jwtVerify } from "jose";
import type { Clock } from "../ports/clock.ts";
import {
  defaultPolicy,
  describeToken,
  isPermitted,
  type Lease,
  makeTokenStore,
  type Policy,
  type Token,
} from "./vault-stand-in-tokens.ts";
import { makeTransit } from "./vault-stand-in-transit.ts";

export type { Capability, Policy } from "./vault-stand-in-tokens.ts";

/** A role of the JWT auth method. */
export interface JwtRole {
  audience: string;
  policies: readonly string[];
  ttlMs: number;
  /** Latest expiry by renewal; `ttlMs` when absent. */
  maxTtlMs?: number;
  type?: "service" | "batch";
  uses?: number;
  renewable?: boolean;
}

/** An engine that makes a credential at each read. */
export interface DynamicRole {
  ttlMs: number;
  renewable?: boolean;
  create(): Promise<Record<string, string>> | Record<string, string>;
  drop(data: Record<string, string>): Promise<void> | void;
}

export interface VaultStandInOptions {
  clock: Clock;
  /** "team-a": the only one there is. */
  namespace?: string;
  policies?: Record<string, Policy>;
  jwt?: { mount: string; keys: JWTVerifyGetKey; issuer: string; roles: Record<string, JwtRole> };
  /** By path: "database/creds/readonly". */
  dynamic?: Record<string, DynamicRole>;
}

export interface VaultStandIn {
  url: string;
  port: number;
  rootToken: string;
  /** A token with these policies, as `auth/token/create` would give it. */
  token(policies: readonly string[], ttlMs?: number): Token;
  find(token: string): Token | undefined;
  accessors(): string[];
  leaseIds(prefix?: string): string[];
  seal(sealed: boolean): void;
  /** From now on every request is answered so, whatever it asks; undefined: no more. */
  answerWith(answer: { status: number; headers?: Record<string, string>; body?: string } | undefined): void;
  /** Changes answers of one path on their way out, for a server that lies. */
  tamper(path: string, change: ((answer: Record<string, unknown>) => Record<string, unknown>) | undefined): void;
  /** Has a wrapped answer's `wrap_info` before the client has: whoever is on the way. */
  intercept(change: ((info: WrapInfo) => Promise<WrapInfo> | WrapInfo) | undefined): void;
  /** The next request for that path is done, and the connection cut before its answer. */
  cutAnswer(path: string): void;
  /** While true, leases of ended tokens wait to be revoked. */
  holdQueue(hold: boolean): Promise<void>;
  /** Method, path and token of each request, in order. */
  readonly requests: { method: string; path: string; token: string | undefined }[];
  close(): Promise<void>;
}

export interface WrapInfo {
  token: string;
  ttl: number;
  creation_time: string;
  creation_path: string;
}

type Reply = {
  status: number;
  data?: Record<string, unknown> | null;
  auth?: Record<string, unknown>;
  lease?: Lease;
  errors?: readonly string[];
  warnings?: readonly string[];
};

interface Asked {
  method: string;
  path: string;
  body: Record<string, unknown>;
  token: Token | undefined;
}

const bodyBytesMax = 33_554_432; // max_request_size, as documented
const denied: Reply = { status: 403, errors: ["1 error occurred:\n\t* permission denied\n\n"] };

export async function startVaultStandIn(options: VaultStandInOptions): Promise<VaultStandIn> {
  const { clock, namespace, jwt, dynamic = {} } = options;
  const policies = new Map<string, Policy>([["default", defaultPolicy], ...Object.entries(options.policies ?? {})]);
  const store = makeTokenStore(clock, policies);
  const root = store.create({ policies: ["root"], displayName: "root", path: "auth/token/root" }, null);
  const transit = makeTransit(() => clock.nowMs());
  const wrapped = new Map<string, { body: Record<string, unknown>; expiresAt: number }>();
  const requests: VaultStandIn["requests"] = [];
  const tampering = new Map<string, (answer: Record<string, unknown>) => Record<string, unknown>>();
  let isSealed = false;
  let cutPath: string | undefined;
  let onTheWay: (info: WrapInfo) => Promise<WrapInfo> | WrapInfo = (info) => info;
  let override: { status: number; headers?: Record<string, string>; body?: string } | undefined;

  const secondsLeft = (at: number | null) => (at === null ? 0 : Math.max(0, Math.ceil((at - clock.nowMs()) / 1_000)));

  // ─── Routes ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async function login({ body }: Asked): Promise<Reply> {
    if (jwt === undefined) return noRoute("auth/login");
    const role = typeof body.role === "string" ? jwt.roles[body.role] : undefined;
    if (role === undefined) return { status: 400, errors: [`role ${JSON.stringify(body.role)} could not be found`] };
    if (typeof body.jwt !== "string") return { status: 400, errors: ["missing token"] };
    try {
      const { audience } = role;
      const checks = { issuer: jwt.issuer, audience, currentDate: new Date(clock.nowMs()), clockTolerance: 0 };
      const { payload } = await jwtVerify(body.jwt, jwt.keys, checks);
      if (typeof payload.sub !== "string") return { status: 400, errors: ['claim "sub" not found in token'] };
      const { type = "service", uses = 0, renewable = type === "service", ttlMs, maxTtlMs = ttlMs } = role;
      const path = `auth/${jwt.mount}/login`;
      const token = store.create(
        {
          policies: ["default", ...role.policies],
          ...{ displayName: `${jwt.mount}-${payload.sub}`, meta: { role: String(body.role) }, path },
          ...{ type, usesLeft: uses, renewable, expiresMax: clock.nowMs() + maxTtlMs },
          ...(type === "batch" ? { accessor: "" } : {}),
        },
        ttlMs,
      );
      return { status: 200, data: null, auth: authOf(token) };
    } catch {
      return { status: 400, errors: ["error validating token: invalid audience, issuer, expiry or signature"] };
    }
  }

  function authOf(token: Token): Record<string, unknown> {
    const { id, accessor, policies: names, meta, renewable, type, usesLeft } = token;
    return {
      ...{ client_token: id, accessor, policies: names, token_policies: names, metadata: meta, renewable },
      ...{ lease_duration: secondsLeft(token.expiresAt), entity_id: "", token_type: type, orphan: true },
      num_uses: usesLeft,
    };
  }

  /** As documented of leases: the increment counts from now, so that a life can be made shorter too. */
  function renewed(of: { expiresAt: number | null; expiresMax: number | null }, body: Record<string, unknown>) {
    const increment = /^\d+s?$/.test(String(body.increment ?? "")) ? Number.parseInt(String(body.increment), 10) : 0;
    const wanted = increment > 0 ? clock.nowMs() + increment * 1_000 : (of.expiresMax ?? 0);
    return Math.min(wanted, of.expiresMax ?? wanted);
  }

  const routes: Record<string, Partial<Record<string, (asked: Asked) => Reply | Promise<Reply>>>> = {
    "auth/token/lookup-self": {
      GET: ({ token }) => found(token && describeToken(token, clock.nowMs(), token.id)),
    },
    "auth/token/renew-self": {
      POST({ token, body }) {
        if (token === undefined || !token.renewable) return { status: 400, errors: ["lease is not renewable"] };
        token.expiresAt = renewed(token, body);
        return { status: 200, data: null, auth: authOf(token) };
      },
    },
    "auth/token/revoke-self": {
      POST({ token }) {
        if (token?.type === "batch") return { status: 400, errors: ["batch tokens cannot be revoked"] };
        if (token !== undefined) store.revoke(token);
        return { status: 204 };
      },
    },
    "auth/token/lookup-accessor": {
      POST({ body }) {
        const token = store.byAccessor(String(body.accessor ?? ""));
        if (token === undefined) return { status: 403, errors: ["1 error occurred:\n\t* invalid accessor\n\n"] };
        return found(describeToken(token, clock.nowMs(), ""));
      },
    },
    "auth/token/revoke-accessor": {
      POST({ body }) {
        const token = store.byAccessor(String(body.accessor ?? ""));
        if (token === undefined) return { status: 200, data: null, warnings: ["No token found with this accessor"] };
        store.revoke(token);
        return { status: 204 };
      },
    },
    "auth/token/accessors": { LIST: () => found({ keys: store.accessors() }) },
    "sys/capabilities-self": {
      POST({ token, body }) {
        const { paths } = body;
        if (token === undefined || !Array.isArray(paths)) return { status: 400, errors: ["paths must be supplied"] };
        return found(Object.fromEntries(paths.map((path) => [String(path), store.capabilities(token, String(path))])));
      },
    },
    "sys/leases/lookup": {
      POST({ body }) {
        const lease = store.lease(String(body.lease_id ?? ""));
        if (lease === undefined) return { status: 400, errors: ["invalid lease"] };
        const { id, issuedAt, expiresAt, renewable } = lease;
        const times = { issue_time: new Date(issuedAt).toISOString(), expire_time: new Date(expiresAt).toISOString() };
        return found({ id, ...times, last_renewal: null, renewable, ttl: secondsLeft(expiresAt) });
      },
    },
    "sys/leases/renew": {
      POST({ body }) {
        const lease = store.lease(String(body.lease_id ?? ""));
        if (lease === undefined) return { status: 400, errors: ["lease not found"] };
        if (!lease.renewable) return { status: 400, errors: ["lease is not renewable"] };
        lease.expiresAt = renewed(lease, body);
        return { status: 200, data: null, lease };
      },
    },
    "sys/leases/revoke": {
      async POST({ body }) {
        if (typeof body.lease_id !== "string") return { status: 400, errors: ["lease_id must be specified"] };
        const lease = store.lease(body.lease_id);
        if (lease !== undefined) await store.revokeLease(lease);
        return { status: 204 };
      },
    },
  };

  async function dynamicRead(path: string, role: DynamicRole, token: Token): Promise<Reply> {
    const data = await role.create();
    const nowMs = clock.nowMs();
    const lease: Lease = {
      id: `${path}/${randomBytes(18).toString("base64url")}`,
      ...{ token: token.id, issuedAt: nowMs, expiresAt: nowMs + role.ttlMs, expiresMax: nowMs + role.ttlMs },
      renewable: role.renewable ?? true,
      drop: () => role.drop(data),
    };
    store.addLease(lease);
    return { status: 200, data, lease };
  }

  // ─── One request ─────────────────────────────────────────────────────────────────────────────────────────────────

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [whole = "", query] = (request.url ?? "").split("?");
    const path = whole.replace(/^\/v1\//, "");
    // Node's parser knows no LIST; `?list=true` is the documented other way to say it.
    const method = query === "list=true" ? "LIST" : request.method === "PUT" ? "POST" : (request.method ?? "");
    const header = (name: string) => [request.headers[name]].flat()[0];
    requests.push({ method, path, token: header("x-vault-token") });
    const send = (status: number, body: unknown, headers: Record<string, string> = {}) => {
      const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
      response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store", ...headers });
      response.end(status === 204 ? undefined : text);
    };
    const body = await readBody(request);
    if (override !== undefined) return send(override.status, override.body ?? "", override.headers);
    if (path === "sys/health") return send(isSealed ? 503 : 200, { sealed: isSealed, standby: false });
    if (isSealed) return send(503, { errors: ["Vault is sealed"] });
    if (body === undefined) return send(400, { errors: ["failed to parse JSON input"] });
    if ((header("x-vault-namespace") ?? "").replace(/\/$/, "") !== (namespace ?? ""))
      return send(404, { errors: [`no handler for route ${JSON.stringify(path)}`] });
    if (path === "sys/wrapping/unwrap") return unwrap(header("x-vault-token") ?? "", body, send);

    const reply = await dispatch(method, path, body, header("x-vault-token"));
    if (cutPath === path) {
      cutPath = undefined;
      return void response.destroy();
    }
    const honest = envelope(reply);
    const changed = tampering.get(path)?.(honest) ?? honest;
    const wrapFor = Number.parseInt(header("x-vault-wrap-ttl") ?? "0", 10);
    if (reply.errors !== undefined) return send(reply.status, { errors: reply.errors });
    if (reply.status === 204) return send(204, undefined);
    if (!(wrapFor > 0)) return send(reply.status, changed);
    const token = `hvs.wrap.${randomBytes(18).toString("base64url")}`;
    wrapped.set(token, { body: changed, expiresAt: clock.nowMs() + wrapFor * 1_000 });
    const info = { token, ttl: wrapFor, creation_time: new Date(clock.nowMs()).toISOString(), creation_path: path };
    return send(200, { ...envelope({ status: 200, data: null }), wrap_info: await onTheWay(info) });
  }

  async function dispatch(method: string, path: string, body: Record<string, unknown>, shown: string | undefined) {
    if (path === `auth/${jwt?.mount}/login` && method === "POST")
      return login({ method, path, body, token: undefined });
    const token = shown === undefined ? undefined : store.find(shown);
    if (token === undefined)
      return { status: 403, errors: ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"] } as Reply;
    if (!isPermitted(store.capabilities(token, path), method, path)) return denied;
    if (token.usesLeft > 0) {
      token.usesLeft -= 1;
      if (token.usesLeft === 0) store.revoke(token);
    }
    const role = dynamic[path];
    if (role !== undefined) return method === "GET" ? dynamicRead(path, role, token) : unsupported;
    if (path.startsWith("transit/")) {
      const verb = method as "GET" | "POST" | "DELETE" | "LIST";
      return transit({ method: verb, path: path.slice("transit/".length), body }) as Reply;
    }
    const route = routes[path];
    if (route === undefined) return noRoute(path);
    return (await route[method]?.({ method, path, body, token })) ?? unsupported;
  }

  function unwrap(shown: string, body: Record<string, unknown>, send: (status: number, body: unknown) => void): void {
    const token = store.find(shown) !== undefined && typeof body.token === "string" ? body.token : shown;
    const held = wrapped.get(token);
    wrapped.delete(token); // single use, also where it came too late
    if (held === undefined || clock.nowMs() >= held.expiresAt)
      send(400, { errors: ["wrapping token is not valid or does not exist"] });
    else send(200, held.body);
  }

  function envelope({ data = null, auth, lease, warnings }: Reply): Record<string, unknown> {
    return {
      ...{ request_id: randomUUID(), lease_id: lease?.id ?? "", renewable: lease?.renewable ?? false },
      lease_duration: lease === undefined ? 0 : secondsLeft(lease.expiresAt),
      ...{ data, wrap_info: null, warnings: warnings ?? null, auth: auth ?? null },
    };
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    ...{ url: `http://127.0.0.1:${port}`, port, rootToken: root.id, requests },
    token: (names, ttlMs) =>
      store.create({ policies: names, displayName: "token", path: "auth/token/create" }, ttlMs ?? null),
    find: (id) => store.find(id),
    accessors: () => store.accessors(),
    leaseIds: (prefix = "") => store.leaseIds(prefix),
    seal(sealed) {
      isSealed = sealed;
    },
    answerWith(next) {
      override = next;
    },
    tamper(path, change) {
      if (change === undefined) tampering.delete(path);
      else tampering.set(path, change);
    },
    intercept(change = (info) => info) {
      onTheWay = change;
    },
    cutAnswer(path) {
      cutPath = path;
    },
    holdQueue: (hold) => store.holdQueue(hold),
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

const unsupported: Reply = { status: 405, errors: ["1 error occurred:\n\t* unsupported operation\n\n"] };

function noRoute(path: string): Reply {
  return { status: 404, errors: [`no handler for route ${JSON.stringify(path)}. route entry not found.`] };
}

function found(data: Record<string, unknown> | undefined): Reply {
  return data === undefined ? denied : { status: 200, data };
}

/** undefined: no JSON object. */
async function readBody(request: IncomingMessage): Promise<Record<string, unknown> | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > bodyBytesMax) return undefined;
    pieces.push(piece);
  }
  if (bytes === 0) return {};
  try {
    const value: unknown = JSON.parse(Buffer.concat(pieces).toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
