// A real OAuth 2 server (npm's oidc-provider, certified for OpenID Connect) on loopback, with a resource that asks it about
// every token it is shown. Answers for what the tests need of both: client credentials, token exchange, revocation,
// introspection, registration and its management; for looking at its tokens as they are stored; and for a place between
// the server and its answers, where a test may meddle.
//
// As it comes, the server leaves the tokens of a deleted client alone, which RFC 7592 permits. `endsTokens` makes its store
// forget them with their client.
import { generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import Provider, { type Context } from "oidc-provider";
import { Agent, fetch } from "undici";

export interface OidcOptions {
  /** The server's; the resource's is the next one. Free ones when absent. */
  port?: number;
  /** Port that others see, made from the server's own: a proxy's. */
  behind?: (port: number) => Promise<number>;
  /** PEM. With it the server speaks TLS, and asks for a certificate of the same authority. */
  tls?: { ca: string; certificate: string; key: string };
  /** Default true. */
  endsTokens?: boolean;
  /** Of access tokens, s. Default 50. */
  tokenLifeS?: number;
  /** Of the client `mayfly`, in the place of a secret. */
  client?: Record<string, unknown>;
  /** How clients may show themselves. Default: all that we know. */
  authMethods?: readonly string[];
  /** Whose identities are taken in exchange. */
  subjects?: { issuer: string; jwks: JSONWebKeySet };
  /** An exchange gives a refresh token too; `together`: revoked, it takes the access token along. */
  refresh?: "apart" | "together";
}

export interface LiveToken {
  kind: string;
  value: string;
  clientId: string;
  scope: string | undefined;
}

/** Calls `next` for the server's own answer, and changes the context before or after. */
export type Meddler = (context: Context, next: () => Promise<void>) => Promise<void>;

export interface OidcServer {
  /** Issuer identifier. */
  url: string;
  /** Of the client `mayfly`. */
  secret: string;
  /** What registration asks for. */
  initialToken: string;
  /** GET with a bearer token: 200 when the server calls it active, else 401. */
  resource: string;
  /** Every token that it was shown, oldest first. */
  shown: string[];
  /** Tokens that introspection would call active. */
  liveTokens(): LiveToken[];
  /** Names of registered clients. */
  clients(): string[];
  /** Paths that were asked for, oldest first. */
  asked: string[];
  meddle(how: Meddler | undefined): void;
  stop(): Promise<void>;
}

export const scopes = ["orders:read", "orders:write"];
export const audiences = ["https://orders.example/", "https://invoices.example/"];
export const exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";

const tokenKinds = ["AccessToken", "ClientCredentials", "RefreshToken"];
const own = { redirect_uris: [], response_types: [], scope: scopes.join(" ") };

export async function startOidcServer(options: OidcOptions = {}): Promise<OidcServer> {
  const { tls, tokenLifeS = 50 } = options;
  let handle: (request: IncomingMessage, response: ServerResponse) => void = () => {};
  const answer = (request: IncomingMessage, response: ServerResponse) => handle(request, response);
  const server = tls === undefined ? createServer(answer) : createTlsServer(tlsOptions(tls), answer);
  const port = await listen(server, options.port);
  const scheme = tls === undefined ? "http" : "https";
  const url = `${scheme}://127.0.0.1:${(await options.behind?.(port)) ?? port}`;
  const secret = randomBytes(18).toString("base64url");
  const initialToken = randomBytes(18).toString("base64url");
  const resourceSecret = randomBytes(18).toString("base64url");
  const records = makeRecords([String(options.client?.client_id ?? "mayfly"), "resource"], options.endsTokens ?? true);
  const asked: string[] = [];
  let meddler: Meddler | undefined;

  const provider = new Provider(url, {
    adapter: records.adapter,
    clients: [
      {
        client_id: "mayfly",
        ...own,
        grant_types: ["client_credentials", ...(options.subjects === undefined ? [] : [exchangeGrant])],
        ...(options.client ?? { client_secret: secret }),
      },
      { client_id: "resource", client_secret: resourceSecret, ...own, grant_types: [] },
    ],
    clientAuthMethods: options.authMethods ?? ["client_secret_basic", "private_key_jwt", "tls_client_auth"],
    enabledJWA: { clientAuthSigningAlgValues: ["ES256", "ES384", "Ed25519", "PS256", "RS256"] },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    jwks: { keys: [generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey.export({ format: "jwk" })] },
    scopes: [...scopes, "offline_access"],
    ttl: { ClientCredentials: tokenLifeS, AccessToken: tokenLifeS, RefreshToken: 86_400, Grant: 86_400 },
    features: featuresOf(initialToken, tokenLifeS),
    findAccount: (_: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
  });
  provider.use(async (context, next) => {
    asked.push(`${context.method} ${context.path}`);
    await (meddler === undefined ? next() : meddler(context, next));
  });
  if (options.subjects !== undefined) registerExchange(provider, url, options.subjects, options.refresh);
  handle = provider.callback();

  const agent = new Agent({ connect: tls === undefined ? {} : { ca: tls.ca, cert: tls.certificate, key: tls.key } });
  const shown: string[] = [];
  const resource = createServer(async (request, response) => {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "none";
    shown.push(token);
    const authorization = `Basic ${Buffer.from(`resource:${resourceSecret}`).toString("base64")}`;
    const told = await fetch(`${scheme}://127.0.0.1:${port}/token/introspection`, {
      method: "POST",
      headers: { authorization },
      body: new URLSearchParams({ token }),
      dispatcher: agent,
    })
      .then((each) => each.json() as Promise<{ active?: boolean; scope?: string }>)
      .catch(() => ({ active: false }));
    response.writeHead(told.active === true ? 200 : 401, { "content-type": "application/json" });
    response.end(JSON.stringify(told));
  });
  const resourcePort = await listen(resource, options.port === undefined ? undefined : options.port + 1);

  return {
    url,
    secret,
    initialToken,
    resource: `http://127.0.0.1:${resourcePort}/orders`,
    shown,
    liveTokens: records.live,
    clients: records.clients,
    asked,
    meddle(how) {
      meddler = how;
    },
    async stop() {
      await Promise.all([close(server), close(resource)]);
      await agent.destroy();
    },
  };
}

/** Shows a token to the resource, in a connection of its own. */
export async function tryAtResource({ resource }: Pick<OidcServer, "resource">, token: string) {
  const headers = { authorization: `Bearer ${token}`, connection: "close" };
  const { status } = await fetch(resource, { headers });
  return status === 200 ? ("accepted" as const) : ("refused" as const);
}

function featuresOf(initialToken: string, accessTokenTTL: number) {
  const always = async () => true;
  return {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: always },
    revocation: {
      enabled: true,
      allowedPolicy: async (_: Context, client: { clientId: string }, token: { clientId: string }) =>
        client.clientId === token.clientId,
    },
    registration: { enabled: true, initialAccessToken: initialToken },
    registrationManagement: { enabled: true, rotateRegistrationAccessToken: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      getResourceServerInfo: (_: Context, audience: string) => ({ audience, scope: scopes.join(" "), accessTokenTTL }),
    },
    mTLS: {
      enabled: true,
      tlsClientAuth: true,
      certificateBoundAccessTokens: true,
      getCertificate: ({ socket }: Context) => new X509Certificate(socket.getPeerCertificate().raw),
      certificateAuthorized: ({ socket }: Context) => socket.authorized,
      certificateSubjectMatches: ({ socket }: Context, _: string, expected: string) =>
        `CN=${socket.getPeerCertificate().subject.CN}` === expected,
    },
  };
}

function registerExchange(
  provider: Provider,
  url: string,
  { issuer, jwks }: { issuer: string; jwks: JSONWebKeySet },
  refresh: OidcOptions["refresh"],
): void {
  const keys = createLocalJWKSet(jwks);
  const parameters = ["subject_token", "subject_token_type", "requested_token_type", "scope", "audience"];
  provider.registerGrantType(
    exchangeGrant,
    async (context) => {
      const { client, params } = context.oidc;
      const { payload } = await jwtVerify(params.subject_token ?? "", keys, { issuer, audience: url });
      const accountId = payload.sub ?? "";
      const grant = new provider.Grant({ accountId, clientId: client.clientId });
      grant.addOIDCScope([...scopes, "offline_access"].join(" "));
      const grantId = await grant.save();
      const words = { accountId, client, scope: params.scope, gty: "exchange" };
      const token = new provider.AccessToken({ ...words, ...(refresh === "together" ? { grantId } : {}) });
      if (params.audience !== undefined) token.setAudience(params.audience);
      const value = await token.save();
      const second = refresh === undefined ? undefined : new provider.RefreshToken({ ...words, grantId });
      context.body = {
        access_token: value,
        issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
        token_type: "Bearer",
        expires_in: token.expiration,
        scope: params.scope,
        ...(second === undefined ? {} : { refresh_token: await second.save() }),
      };
    },
    parameters,
  );
}

/** What the server stores, by kind and id. */
function makeRecords(statics: readonly string[], endsTokens: boolean) {
  interface Payload {
    exp?: number;
    clientId?: string;
    grantId?: string;
    scope?: string;
    client_name?: string;
  }
  const stored = new Map<string, Map<string, Payload>>();
  const of = (kind: string): Map<string, Payload> => {
    const found = stored.get(kind) ?? new Map<string, Payload>();
    stored.set(kind, found);
    return found;
  };
  const find = (kind: string, id: string): Payload | undefined => {
    const payload = of(kind).get(id);
    const client = payload?.clientId;
    const isOrphan = client !== undefined && !statics.includes(client) && !of("Client").has(client);
    return endsTokens && isOrphan && tokenKinds.includes(kind) ? undefined : payload;
  };
  class Records {
    readonly kind: string;
    constructor(kind: string) {
      this.kind = kind;
    }
    async upsert(id: string, payload: Payload): Promise<void> {
      of(this.kind).set(id, payload);
    }
    async find(id: string): Promise<Payload | undefined> {
      return find(this.kind, id);
    }
    async findByUid(): Promise<undefined> {}
    async findByUserCode(): Promise<undefined> {}
    async consume(): Promise<void> {}
    async destroy(id: string): Promise<void> {
      of(this.kind).delete(id);
    }
    async revokeByGrantId(grantId: string): Promise<void> {
      for (const [id, payload] of of(this.kind)) if (payload.grantId === grantId) of(this.kind).delete(id);
    }
  }
  return {
    adapter: Records,
    clients: () => [...of("Client").values()].map(({ client_name: name }) => name ?? ""),
    live(): LiveToken[] {
      const now = Date.now() / 1_000;
      return tokenKinds.flatMap((kind) =>
        [...of(kind)].flatMap(([value, { exp = 0, clientId = "", scope }]) =>
          exp > now && find(kind, value) !== undefined ? [{ kind, value, clientId, scope }] : [],
        ),
      );
    },
  };
}

function tlsOptions({ ca, certificate, key }: NonNullable<OidcOptions["tls"]>) {
  return { ca, cert: certificate, key, requestCert: true, rejectUnauthorized: false };
}

async function listen(server: Server, port = 0): Promise<number> {
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
