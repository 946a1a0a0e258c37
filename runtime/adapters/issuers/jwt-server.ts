// The embedded issuer as resources see it: an HTTP server on loopback. Answers for speaking the protocols well and for
// bounding every caller; whether a token is active is asked of `TokenDesk` (jwt.ts).
//
//   GET  /.well-known/openid-configuration         OpenID Connect Discovery 1.0
//   GET  /.well-known/oauth-authorization-server   RFC 8414, the same document
//   GET  /jwks                                     RFC 7517: the public keys
//   POST /introspect   token=…                     RFC 7662
//   POST /revoke       token=…                     RFC 7009
//
// RFC 7662 wants callers of introspection to be authorised, against guessing. Here a caller learns about a token only by
// showing it whole, signature included, and the server listens on loopback; so there is no second secret to look after.
//
// Where a reverse proxy publishes the identities' issuer under another URL, requests that it hands on with that host (and
// with its path, or without) get the documents of that issuer.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { JWK } from "jose";

/** What the server asks about tokens. */
export interface TokenDesk {
  /** The members of an introspection response, or null when the token is not active. May throw: then nothing is known. */
  introspect(token: string): Promise<Readonly<Record<string, unknown>> | null>;
  /** Ends a token whose signature is ours; anything else is left alone. `unsupported`: its holder can't end it. */
  revoke(token: string): Promise<"done" | "unsupported">;
}

export interface JwtServer {
  port: number;
  /** Ends every connection; resolves when the port is free. */
  close(): Promise<void>;
}

const bodyBytesMax = 16_384; // a token of ours has about 900 bytes
const connectionsMax = 256; // one a resource, with room
const headersMs = 5_000;
const requestMs = 10_000;

/**
 * Listens on `host`:`port`, 0 for any free port. Rejects with the system's error (`EADDRINUSE`).
 * @param parts.issuerUrl gives the issuer URL for the port that it came to be.
 */
export function startJwtServer(parts: {
  host: string;
  port: number;
  jwks: () => Promise<{ keys: JWK[] }>;
  issuerUrl: (port: number) => string;
  /** Of identities, where it is another one. */
  identityUrl: string | null;
  desk: TokenDesk;
}): Promise<JwtServer> {
  const server = createServer({ headersTimeout: headersMs, requestTimeout: requestMs, keepAliveTimeout: 5_000 });
  server.maxConnections = connectionsMax;
  server.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
    else socket.destroy();
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(parts.port, parts.host, () => {
      server.off("error", reject);
      server.on("error", () => {}); // accept failed for want of descriptors: the next one may not
      const port = portOf(server);
      const issuers = [parts.issuerUrl(port), parts.identityUrl].filter((url) => url !== null);
      server.on("request", (request, response) => {
        answer(request, response, issuers, parts).catch(() => response.destroy());
      });
      resolve({ port, close: () => closeServer(server) });
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  issuers: readonly string[],
  { jwks, desk }: { jwks: () => Promise<{ keys: JWK[] }>; desk: TokenDesk },
): Promise<void> {
  response.on("error", () => {});
  // A web page that points its own name at loopback must not get to talk to us.
  const issuer = issuers.find((url) => request.headers.host === new URL(url).host);
  if (issuer === undefined) return reply(response, 421, { error: "invalid_request" });
  switch (pathWithin(issuer, request.url ?? "")) {
    case "/.well-known/openid-configuration":
    case "/.well-known/oauth-authorization-server":
      return publish(request, response, async () => discovery(issuer));
    case "/jwks":
      return publish(request, response, jwks);
    case "/introspect":
      return withToken(request, response, async (token) => {
        const members = await desk.introspect(token);
        reply(response, 200, members === null ? { active: false } : { active: true, ...members });
      });
    case "/revoke":
      return withToken(request, response, async (token) => {
        const isEnded = (await desk.revoke(token)) === "done";
        reply(response, isEnded ? 200 : 400, isEnded ? {} : { error: "unsupported_token_type" });
      });
    default:
      return reply(response, 404, { error: "not_found" });
  }
}

function pathWithin(issuer: string, path: string): string {
  const prefix = new URL(issuer).pathname.replace(/\/$/, "");
  return path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path;
}

/** The documents of a JWT issuer at this URL. */
function discovery(issuer: string): object {
  return {
    issuer,
    jwks_uri: `${issuer}/jwks`,
    introspection_endpoint: `${issuer}/introspect`,
    introspection_endpoint_auth_methods_supported: ["none"],
    revocation_endpoint: `${issuer}/revoke`,
    revocation_endpoint_auth_methods_supported: ["none"],
    response_types_supported: [],
    grant_types_supported: [],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["ES256"],
  };
}

async function publish(
  request: IncomingMessage,
  response: ServerResponse,
  document: () => Promise<object>,
): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD") return notAllowed(response, "GET, HEAD");
  try {
    reply(response, 200, await document());
  } catch {
    reply(response, 503, { error: "temporarily_unavailable" }); // the keys can't be read
  }
}

async function withToken(
  request: IncomingMessage,
  response: ServerResponse,
  act: (token: string) => Promise<void>,
): Promise<void> {
  if (request.method !== "POST") return notAllowed(response, "POST");
  const type = (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded")
    return reply(response, 415, { error: "invalid_request", error_description: "form-encoded body needed" });
  const body = await readBody(request);
  if (body === undefined) {
    response.setHeader("connection", "close");
    return reply(response, 413, { error: "invalid_request", error_description: "body too large" });
  }
  const tokens = new URLSearchParams(body).getAll("token");
  const token = tokens[0];
  if (token === undefined || token === "" || tokens.length > 1)
    return reply(response, 400, { error: "invalid_request", error_description: "one parameter token needed" });
  try {
    await act(token);
  } catch {
    // The registry can't be asked. Nothing is claimed about the token, and no resource may take this for a yes.
    if (!response.headersSent) reply(response, 503, { error: "temporarily_unavailable" });
  }
}

/** undefined when it is longer than we read. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Not destroyed when we stop early: the answer still has to go out on this connection.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function notAllowed(response: ServerResponse, allow: string): void {
  response.setHeader("allow", allow);
  reply(response, 405, { error: "invalid_request" });
}

function reply(response: ServerResponse, status: number, document: object): void {
  response.writeHead(status, {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(JSON.stringify(document));
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("an HTTP server without a port");
  return address.port;
}
