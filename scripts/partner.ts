// The partner's order API, to try things out with: a real resource that knows nothing of Mayfly but an issuer's URL.
// Answers for taking no request without a good token. A token is good when its signature, issuer, audience and expiry
// are right (RFC 9068, by the issuer's JWKS) and, asked at every request, its issuer says that it is active (RFC 7662):
// so a revoked one is refused at the next request, and when the issuer can't be asked nobody gets in.
//
//   GET /v1/orders?cursor=…&limit=…   Authorization: Bearer …, scope orders:read
//       200 {"orders": […], "next": cursor or null} · 400 · 401 and 403 as in RFC 6750
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { parseArgs } from "node:util";
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey, jwtVerify } from "jose";

export interface Partner {
  url: string;
  /** The newest thousand requests, oldest first. No token is kept. */
  requests: readonly PartnerRequest[];
  /** Lets requests under way finish, for two seconds at most; resolves when the port is free. */
  stop(): Promise<void>;
}

export interface PartnerRequest {
  method: string;
  /** Path and query. */
  path: string;
  status: number;
  /** Why it was refused: `revoked`, `signature`, …; null when it was not. */
  refusal: string | null;
}

export const defaultPort = 7_421;
export const defaultIssuerUrl = "http://127.0.0.1:7420";
export const defaultAudience = "https://partner.example/orders";
const scopeNeeded = "orders:read";
const ordersCount = 437;
const pageOrdersMax = 100;
const pageOrders = 50;
const issuerMs = 2_000;
const issuerBytesMax = 65_536;
const keysMs = 300_000; // a key that the issuer has replaced is good for five minutes more
const requestsKept = 1_000;

export interface PartnerOptions {
  /** 0 is any free one. */
  port?: number;
  issuerUrl?: string;
  /** The API's identifier. */
  audience?: string;
  /** For a demonstration or a measurement that tries a token again after its run: every accepted one, as it came. */
  onAccepted?: (token: string) => void;
}

/** Starts the API on 127.0.0.1. */
export async function startPartner(options: PartnerOptions = {}): Promise<Partner> {
  const { port = defaultPort, issuerUrl = defaultIssuerUrl, audience = defaultAudience, onAccepted } = options;
  const orders = makeOrders();
  const check = makeTokenCheck(issuerUrl, audience);
  const requests: PartnerRequest[] = [];
  const server = createServer({ headersTimeout: 5_000, requestTimeout: 10_000 }, (request, response) => {
    answer(request, response, orders, check)
      .catch(() => reply(response, 500, { error: "internal" }))
      .then((refusal) => {
        const { method = "", url: path = "" } = request;
        if (response.statusCode === 200) onAccepted?.((request.headers.authorization ?? "").replace(/^Bearer /i, ""));
        requests.push({ method, path: path.slice(0, 2_000), status: response.statusCode, refusal: refusal ?? null });
        if (requests.length > requestsKept) requests.shift();
      });
  });
  server.maxConnections = 256;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve());
  });
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : port}`;
  return { url, requests, stop: () => stopServer(server) };
}

function stopServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), 2_000);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}

/** Answers, and returns why a request was refused for its token. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  orders: readonly Order[],
  check: TokenCheck,
): Promise<string | undefined> {
  request.resume(); // a body is of no interest
  const url = URL.parse(request.url ?? "", "http://partner.invalid");
  if (url?.pathname !== "/v1/orders") return void reply(response, 404, { error: "not_found" });
  if (request.method !== "GET") {
    response.setHeader("allow", "GET");
    return void reply(response, 405, { error: "method_not_allowed" });
  }
  const verdict = await check(request.headers.authorization);
  if (verdict.status !== 200) {
    response.setHeader("www-authenticate", verdict.challenge);
    reply(response, verdict.status, { error: verdict.error });
    return verdict.refusal;
  }
  const page = pageOf(orders, url.searchParams);
  if (page === undefined) return void reply(response, 400, { error: "invalid_request" });
  reply(response, 200, page);
  return undefined;
}

type Verdict = { status: 200 } | { status: 401 | 403; error: string; challenge: string; refusal: string };
type TokenCheck = (authorization: string | undefined) => Promise<Verdict>;

/** RFC 6750: the challenge says what kind of no it is, and nothing about why. */
function refuse(status: 401 | 403, error: string, refusal: string): Verdict {
  const detail = error === "" ? "" : `, error="${error}"${status === 403 ? `, scope="${scopeNeeded}"` : ""}`;
  return { status, error: error || "unauthorized", challenge: `Bearer realm="orders"${detail}`, refusal };
}

function makeTokenCheck(issuerUrl: string, audience: string): TokenCheck {
  const issuer = makeIssuerClient(issuerUrl);
  return async (authorization) => {
    const token = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return refuse(401, "", "no token");
    let scope: string[];
    try {
      const { payload } = await jwtVerify(token, issuer.key, {
        issuer: issuerUrl,
        audience,
        typ: "at+jwt",
        algorithms: ["ES256"],
        requiredClaims: ["exp", "iat", "jti", "sub", "scope"],
      });
      scope = String(payload.scope).split(" ");
    } catch (error) {
      return refuse(401, "invalid_token", error instanceof Error ? error.message : "signature");
    }
    try {
      if (!(await issuer.isActive(token))) return refuse(401, "invalid_token", "revoked");
    } catch {
      return refuse(401, "invalid_token", "the issuer can't be asked");
    }
    return scope.includes(scopeNeeded) ? { status: 200 } : refuse(403, "insufficient_scope", "scope");
  };
}

/** What the partner asks of the issuer: its keys, kept for a while, and whether a token is active, asked each time. */
function makeIssuerClient(issuerUrl: string) {
  let keys: { set: JWTVerifyGetKey; introspection: string; until: number } | undefined;

  async function known() {
    if (keys !== undefined && performance.now() < keys.until) return keys;
    const document = await getJson(`${issuerUrl}/.well-known/openid-configuration`);
    if (document.issuer !== issuerUrl) throw new Error("another issuer answers at the issuer's URL");
    const set = createLocalJWKSet(
      (await getJson(sameOrigin(document.jwks_uri, issuerUrl))) as unknown as JSONWebKeySet,
    );
    const introspection = sameOrigin(document.introspection_endpoint, issuerUrl);
    keys = { set, introspection, until: performance.now() + keysMs };
    return keys;
  }

  const key: JWTVerifyGetKey = async (header, token) => {
    try {
      return await (await known()).set(header, token);
    } catch (error) {
      keys = undefined; // perhaps the issuer has a new key: the next request asks for it
      throw error;
    }
  };

  return {
    key,
    async isActive(token: string): Promise<boolean> {
      const { introspection } = await known();
      const body = new URLSearchParams({ token });
      return (await getJson(introspection, { method: "POST", body })).active === true;
    },
  };
}

function sameOrigin(found: unknown, issuerUrl: string): string {
  if (typeof found !== "string" || !found.startsWith(`${issuerUrl}/`)) throw new Error("an endpoint on another origin");
  return found;
}

async function getJson(url: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
  const response = await fetch(url, { ...init, redirect: "error", signal: AbortSignal.timeout(issuerMs) });
  if (response.status !== 200 || response.body === null) throw new Error(`the issuer answered ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.length;
    if (bytes > issuerBytesMax) throw new Error("the issuer answered too much");
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}

interface Order {
  id: string;
  /** ISO 8601, UTC. */
  placedAt: string;
  customer: string;
  status: "open" | "paid" | "shipped";
  currency: "CHF";
  totalCents: number;
}

/** The same orders at every start. */
function makeOrders(): Order[] {
  const statuses = ["open", "paid", "shipped"] as const;
  const first = Date.UTC(2026, 8, 1, 6);
  return Array.from({ length: ordersCount }, (_, index) => {
    const mixed = (index * 2_654_435_761) % 4_294_967_296; // Knuth's multiplicative hash: spread, and repeatable
    return {
      id: `ord_${String(index + 1).padStart(5, "0")}`,
      placedAt: new Date(first + index * 5_400_000 + (mixed % 3_600) * 1_000).toISOString(),
      customer: `cus_${String((mixed % 89) + 1).padStart(3, "0")}`,
      status: statuses[mixed % 3] ?? "open",
      currency: "CHF",
      totalCents: 990 + (mixed % 48_000),
    };
  });
}

/** One page, or undefined for a limit or a cursor that we never gave. */
function pageOf(orders: readonly Order[], query: URLSearchParams) {
  const limit = Number(query.get("limit") ?? pageOrders);
  const cursor = query.get("cursor");
  const after = cursor === null ? "ord_00000" : Buffer.from(cursor, "base64url").toString("latin1");
  if (!Number.isInteger(limit) || limit < 1 || limit > pageOrdersMax || !/^ord_\d{5}$/.test(after)) return undefined;
  const start = Number(after.slice(4));
  const page = orders.slice(start, start + limit);
  const last = page.at(-1);
  const more = last !== undefined && start + page.length < orders.length;
  return { orders: page, next: more ? Buffer.from(last.id, "latin1").toString("base64url") : null };
}

function reply(response: ServerResponse, status: number, document: object): void {
  if (response.headersSent) return;
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(document));
}

const help = `The partner's order API, to run the example job against.

  npm run partner -- [--port ${defaultPort}] [--issuer ${defaultIssuerUrl}] [--audience ${defaultAudience}]

GET /v1/orders?cursor=…&limit=… pages through ${ordersCount} orders. It takes tokens of the issuer for the audience, with
scope ${scopeNeeded}, and asks the issuer at every request whether the token is still active.
Ends with Ctrl-C.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: String(defaultPort) },
      issuer: { type: "string", default: defaultIssuerUrl },
      audience: { type: "string", default: defaultAudience },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error("--port: needed a number from 0 to 65535");
  const issuerUrl = values.issuer.replace(/\/$/, "");
  const partner = await startPartner({ port, issuerUrl, audience: values.audience });
  process.stdout.write(`partner: ${partner.url}/v1/orders, tokens from ${issuerUrl} for ${values.audience}\n`);
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  process.once("SIGINT", resolve).once("SIGTERM", resolve);
  await asked;
  await partner.stop();
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`partner: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  });
}
