// The ways there: how Mayfly's client and those of runs show themselves, over what transport, and by which grant. Each ends
// with a token that the resource takes until it is revoked, and with what it must not be good for.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { exportJWK, exportPKCS8, generateKeyPair } from "jose";
import t, { type Test } from "tap";
import type { OauthIssuerParts } from "../../../runtime/adapters/issuers/oauth.ts";
import { MayflyError } from "../../../runtime/model/error.ts";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { makeAuthority } from "../../support/certificates.ts";
import {
  issueTo,
  makeSigner,
  modes,
  never,
  open,
  openIssuer,
  start,
  subjectIssuer,
} from "../../support/oauth-issuers.ts";
import { audiences, type OidcServer, tryAtResource } from "../../support/oidc-server.ts";

/** From the first request to the proof of death. */
async function wholeLife(t: Test, server: OidcServer, changes: Partial<OauthIssuerParts>): Promise<void> {
  const issuer = await open(t, server, changes);
  const { lease, issued } = await issueTo(issuer);
  t.equal(await tryAtResource(server, issued.secret), "accepted");
  await issuer.revoke(lease, never);
  t.equal(await tryAtResource(server, issued.secret), "refused");
  t.match(await issuer.prove(lease, issued.secret, never), { verdict: "dead", how: /introspection: inactive/ });
  t.same(server.liveTokens(), []);
  t.same(server.clients(), []);
}

t.test("a client with a secret, whatever characters its id and the secret are of", async (t) => {
  const id = "may fly:+%/~";
  const secret = 'a:b+c%20&d=e"f\\g';
  const server = await start(t, { client: { client_id: id, client_secret: secret } });
  for (const mode of Object.values(modes)) await wholeLife(t, server, { ...mode, client: { id, secret } });
  const wrong = await open(t, server, { ...modes.token, client: { id, secret: `${secret}x` } });
  const lease = newLease();
  await t.rejects(issueTo(wrong, lease), { code: "issuer_refused", message: /authentication|invalid_client/ });
  t.match(await wrong.prove(lease, undefined, never), {
    verdict: "dead",
    how: /nothing was issued: the server refused/,
  });
});

t.test("a client that signs, with a key of any kind, as PEM and as JWK", async (t) => {
  for (const alg of ["ES256", "ES384", "Ed25519", "PS256"]) {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), alg, use: "sig" };
    const client = { token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [jwk] } };
    const server = await start(t, { client: { ...client, token_endpoint_auth_signing_alg: alg } });
    const own = { ...(await exportJWK(privateKey)), alg };
    for (const key of [await exportPKCS8(privateKey), JSON.stringify(own)]) {
      await wholeLife(t, server, { ...modes.token, client: { id: "mayfly", key } });
    }
  }
});

t.test("what is no private key is refused, and none of it is shown", async (t) => {
  const server = await start(t);
  const { publicKey } = await generateKeyPair("ES256", { extractable: true });
  const secret = "c2VjcmV0LXNlY3JldA";
  const keys = {
    "a public key": JSON.stringify(await exportJWK(publicKey)),
    "a symmetric key": JSON.stringify({ kty: "oct", k: secret }),
    "PEM of nothing": `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`,
    "no key": secret,
    "half a JWK": `{"kty":"EC","d":"${secret}"`,
  };
  for (const [name, key] of Object.entries(keys)) {
    const error = await openIssuer(server, { client: { id: "mayfly", key } }).catch((thrown: unknown) => thrown);
    t.ok(error instanceof MayflyError && error.code === "secret_missing", name);
    t.notMatch(JSON.stringify([(error as Error).message, (error as Error).stack]), secret, name);
  }
});

t.test("over TLS, with an authority of one's own, and a client that is its certificate (RFC 8705)", async (t) => {
  const authority = await makeAuthority("the test's own");
  const tls = { ca: authority.ca, ...(await authority.issue("server", "127.0.0.1")) };
  const subject = { token_endpoint_auth_method: "tls_client_auth", tls_client_auth_subject_dn: "CN=mayfly" };
  const server = await start(t, { tls, client: subject });
  const own = await authority.issue("mayfly");
  const directory = t.testdir({ "ca.pem": authority.ca, "own.pem": own.certificate, "strangers.pem": "" });
  const at = (file: string) => join(directory, file);
  const shown = {
    client: { id: "mayfly", tls: "client" as const },
    transport: { ca: at("ca.pem"), client: { certificate: at("own.pem"), key: { env: "KEY" } }, plaintext: false },
    transportKey: own.key,
  };
  for (const mode of Object.values(modes)) await wholeLife(t, server, { ...mode, ...shown });

  const other = await (await makeAuthority("a stranger's")).issue("mayfly");
  writeFileSync(at("strangers.pem"), other.certificate);
  const stranger = { certificate: at("strangers.pem"), key: { env: "KEY" } };
  const issuer = await open(t, server, {
    ...{ ...modes.token, ...shown, transportKey: other.key },
    transport: { ...shown.transport, client: stranger },
  });
  await t.rejects(issueTo(issuer), { code: "issuer_refused" }, "the same name, by another authority");

  const untrusted = { ...shown, transport: { ...shown.transport, ca: null } };
  await t.rejects(openIssuer(server, untrusted), { code: "issuer_unavailable" }, "a server that nobody vouches for");
});

t.test("[CRED-19] a token that is bound to a certificate is no use to a job, and is ended", async (t) => {
  const authority = await makeAuthority("the test's own");
  const tls = { ca: authority.ca, ...(await authority.issue("server", "127.0.0.1")) };
  const bound = { tls_client_auth_subject_dn: "CN=mayfly", tls_client_certificate_bound_access_tokens: true };
  const server = await start(t, { tls, client: { token_endpoint_auth_method: "tls_client_auth", ...bound } });
  const own = await authority.issue("mayfly");
  const directory = t.testdir({ "ca.pem": authority.ca, "own.pem": own.certificate });
  const certificate = join(directory, "own.pem");
  const issuer = await open(t, server, {
    ...{ ...modes.token, transportKey: own.key, client: { id: "mayfly", tls: "client" } },
    transport: { ca: join(directory, "ca.pem"), client: { certificate, key: { env: "KEY" } }, plaintext: false },
  });
  await t.rejects(issueTo(issuer), { code: "issuer_garbage", message: /bound to a key/ });
  t.same(server.liveTokens(), []);
});

t.test("a run's client has a key that only we have; a secret only where the server takes no signature", async (t) => {
  const signing = await start(t);
  let sent = "";
  signing.meddle(async (context, next) => {
    await next();
    if (context.path === "/reg") sent += JSON.stringify(context.body);
  });
  await wholeLife(t, signing, {});
  t.match(sent, '"token_endpoint_auth_method":"private_key_jwt"');
  t.notMatch(sent, 'client_secret":');
  t.notMatch(sent, '"d":', "nor the private part of a key");
  const basic = await start(t, { authMethods: ["client_secret_basic"] });
  await wholeLife(t, basic, {});
});

t.test("the server's name for a run's client says whose it is, and it may no more than the run", async (t) => {
  const server = await start(t);
  const issuer = await open(t, server);
  const { lease } = await issueTo(issuer);
  t.same(server.clients(), [`mayfly-0a1b2c3d-${lease.runId.slice(4)}`]);
  await issuer.revoke(lease, never);
});

t.test("without the right initial access token nobody registers", async (t) => {
  const server = await start(t);
  const issuer = await open(t, server, { mode: { kind: "registration", initial: "guessed" } });
  const lease = newLease();
  await t.rejects(issueTo(issuer, lease), { code: "issuer_refused" });
  t.match(await issuer.prove(lease, undefined, never), { verdict: "dead", how: /nothing was asked/ });
});

t.test(
  "[CRED-36] a scope is what the server knows under its name, and outside of it the resource says no",
  async (t) => {
    const server = await start(t);
    for (const mode of Object.values(modes)) {
      const issuer = await open(t, server, mode);
      const { lease, issued } = await issueTo(issuer);
      const told = await fetch(server.resource, { headers: { authorization: `Bearer ${issued.secret}` } });
      t.match(await told.json(), { active: true, scope: "orders:read" });
      await issuer.revoke(lease, never);
      for (const scope of ["admin", "orders:read/../write", "$" + "{job}", "orders:read&scope=orders:write"]) {
        const asked = newLease();
        await t.rejects(issueTo(issuer, asked, { scope: [scope] }), { code: "issuer_refused" }, scope);
        t.match(await issuer.prove(asked, undefined, never), { verdict: "dead" }, `${scope}: nothing is left`);
      }
      t.same(server.liveTokens(), []);
    }
  },
);

t.test("in exchange for a run's identity (RFC 8693), in both modes", async (t) => {
  const { identity, jwks } = await makeSigner();
  const server = await start(t, { subjects: { issuer: subjectIssuer, jwks } });
  const exchange: Partial<OauthIssuerParts> = { grant: "token-exchange", identity: async () => identity };
  for (const mode of Object.values(modes)) {
    await wholeLife(t, server, { ...exchange, ...mode });
    const issuer = await open(t, server, { ...exchange, ...mode, audience: audiences[0] ?? null });
    const { lease, issued } = await issueTo(issuer);
    const told = await fetch(server.resource, { headers: { authorization: `Bearer ${issued.secret}` } });
    const run = { runId: lease.runId, job: "", tenant: "" };
    t.match(await told.json(), { sub: identity.spiffeId(run), aud: audiences[0], scope: "orders:read" });
    await issuer.revoke(lease, never);
    t.same(server.liveTokens(), []);
  }
});

t.test("[CRED-19] [CRED-30] an exchange whose subject or audience is another's is refused and ended", async (t) => {
  const { identity, jwks } = await makeSigner();
  const server = await start(t, { subjects: { issuer: subjectIssuer, jwks } });
  const exchange: Partial<OauthIssuerParts> = {
    grant: "token-exchange",
    identity: async () => identity,
    ...modes.token,
  };
  const cases: [string, Partial<OauthIssuerParts>, RegExp][] = [
    ["a subject that the config doesn't say", { subject: "spiffe://other/run/1" }, /a token for "spiffe:/],
    ["an audience that isn't the config's", { audience: audiences[0] ?? null }, /good at "https:\/\/invoices/],
  ];
  server.meddle(async (context, next) => {
    await next();
    const body = context.body as Record<string, unknown>;
    if (context.path.endsWith("/introspection") && body.aud !== undefined) body.aud = audiences[1];
  });
  for (const [name, changes, message] of cases) {
    const issuer = await open(t, server, { ...exchange, ...changes });
    const lease = newLease();
    await t.rejects(issueTo(issuer, lease), { code: "issuer_garbage", message }, name);
    t.same(server.liveTokens(), [], name);
    t.match(await issuer.prove(lease, undefined, never), { verdict: "dead" }, name);
  }
  const stranger = (await makeSigner()).identity;
  const issuer = await open(t, server, { ...exchange, identity: async () => stranger });
  await t.rejects(issueTo(issuer), "an identity that somebody else signed");
  t.same(server.liveTokens(), []);
});

t.test("a server that isn't the one of the config, or has no metadata, is no server", async (t) => {
  const server = await start(t);
  server.meddle(async (context, next) => {
    await next();
    if (context.path.startsWith("/.well-known/")) (context.body as { issuer: string }).issuer = "https://other.example";
  });
  await t.rejects(
    openIssuer(server),
    { code: "issuer_unavailable", message: /OAUTH_JSON_ATTRIBUTE/ },
    "it calls itself another",
  );
  server.meddle(async (context, next) => {
    if (context.path.startsWith("/.well-known/oauth")) context.status = 404;
    else await next();
  });
  const issuer = await openIssuer(server);
  await issuer.close();
  t.match(server.asked.at(-1), "openid-configuration", "OpenID Connect's place is the second");
  server.meddle(async (context) => {
    context.status = 404;
  });
  await t.rejects(openIssuer(server), { code: "issuer_unavailable", message: /metadata answered with what can't be/ });
  await t.rejects(
    openIssuer(server, { server: new URL("http://login.example/") }),
    { code: "issuer_unavailable", message: /plaintext, and no loopback/ },
    "plaintext",
  );
});
