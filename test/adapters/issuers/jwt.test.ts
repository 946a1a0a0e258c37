// The embedded issuer, on real sockets, held to the contract and to the RFCs that resources read.
import { createHmac } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import {
  CompactSign,
  createRemoteJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  exportSPKI,
  generateKeyPair,
  importJWK,
  type JWK,
  jwtVerify,
} from "jose";
import t, { type Test } from "tap";
import { type JwtIssuer, type JwtIssuerParts, makeJwtIssuer } from "../../../runtime/adapters/issuers/jwt.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { runIdDigits } from "../../../runtime/model/ids.ts";
import type { Clock } from "../../../runtime/ports/clock.ts";
import { issuerContract, issuerLaws, newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { makeMemoryTokenRegistry } from "../../../runtime/testkit/memory-token-registry.ts";
import { keyStoreIn, signingKeysIn } from "../../support/signing-keys.ts";

const audience = "https://orders.example";
const signal = new AbortController().signal;

/** A clock that stands until it is told. */
function handClock(): Clock & { advance(ms: number): void } {
  let now = 1_800_000_000_123;
  const advance = (ms: number): void => {
    now += ms;
  };
  return { nowMs: () => now, monotonicMs: () => now, setTimer: () => () => {}, advance };
}

function partsIn(directory: string, changes: Partial<JwtIssuerParts> = {}) {
  const registry = makeMemoryTokenRegistry();
  const clock = handClock();
  const parts: JwtIssuerParts = {
    name: "partner",
    audience,
    listen: { host: "127.0.0.1", port: 0 },
    identityUrl: null,
    keys: signingKeysIn(directory, { clock }),
    registry,
    clock,
    random: systemRandom,
    installation: "0a1b2c3d",
    trustDomain: "jobs.example",
    ...changes,
  };
  return { parts, registry, clock };
}

function requestFor(lease = newLease(), expiresAt = 1_800_000_060_789) {
  return { lease, job: "order-sync", tenant: "acme", scope: ["orders:read"], purpose: "nightly sync", expiresAt };
}

async function post(url: string, token: string) {
  const response = await fetch(url, { method: "POST", body: new URLSearchParams({ token }) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function openUnderTest(directory: string) {
  const { parts, registry, clock } = partsIn(directory);
  const issuer = await makeJwtIssuer(parts);
  return {
    issuer,
    scope: ["orders:read"],
    scopesRefused: [["orders:*"], ["a b"], ["orders:read", "orders:read"], ["x,y"], ["a\n"], ["__proto__"], ["é"]],
    nowMs: () => clock.nowMs(),
    async tryAtResource(_lease: unknown, secret: string) {
      const { body } = await post(`${issuer.url}/introspect`, secret);
      return body.active === true ? ("accepted" as const) : ("refused" as const);
    },
    elsewhere: () => makeJwtIssuer(partsIn(mkdtempSync(join(directory, "elsewhere-"))).parts),
    async takeDown() {
      registry.fail();
      await issuer.close();
    },
    close: () => issuer.close(),
  };
}

t.test("the contract", async (t) => {
  await issuerContract(t, "jwt", () => openUnderTest(t.testdir()));
});

t.test("the contract catches an issuer that doesn't revoke", async (t) => {
  const broken: string[] = [];
  for (const law of issuerLaws) {
    const under = await openUnderTest(t.testdir());
    under.issuer.revoke = async () => {};
    await law.hold(under).catch(() => broken.push(law.name));
    await under.close();
  }
  t.ok(broken.some((name) => name.startsWith("what it revokes is refused at the resource")));
  t.ok(broken.some((name) => name.startsWith("revoking twice and in parallel")));
});

t.test("the contract catches an issuer that leaves the first of two credentials alive", async (t) => {
  const law = issuerLaws.find(({ name }) => name.startsWith("issued twice for one run"));
  const under = await openUnderTest(t.testdir());
  t.teardown(() => under.close());
  const { issue } = under.issuer;
  under.issuer.issue = (request, signal) => issue({ ...request, lease: newLease() }, signal);
  await t.rejects(async () => law?.hold(under));
});

async function openIssuer(t: Test, changes: Partial<JwtIssuerParts> = {}) {
  const directory = t.testdir();
  const { parts, registry, clock } = partsIn(directory, changes);
  const issuer = await makeJwtIssuer(parts);
  t.teardown(() => issuer.close());
  return { issuer, registry, clock, parts, directory };
}

t.test("a resource that knows only the issuer's URL verifies a token by discovery and JWKS", async (t) => {
  const { issuer, clock } = await openIssuer(t);
  const request = requestFor();
  const { secret, expiresAt } = await issuer.issue(request, signal);
  for (const path of ["openid-configuration", "oauth-authorization-server"]) {
    const document = await (await fetch(`${issuer.url}/.well-known/${path}`)).json();
    t.match(document, { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` });
  }
  const options = {
    issuer: issuer.url,
    audience,
    typ: "at+jwt",
    algorithms: ["ES256"],
    currentDate: new Date(clock.nowMs()),
  };
  const { payload } = await jwtVerify(secret, createRemoteJWKSet(new URL(`${issuer.url}/jwks`)), options);
  t.match(payload, {
    sub: `spiffe://jobs.example/tenant/acme/job/order-sync/run/${runIdDigits(request.lease.runId)}`,
    scope: "orders:read",
    iat: 1_800_000_000,
    nbf: 1_800_000_000,
    exp: 1_800_000_060,
    mayfly: { run: request.lease.runId, job: "order-sync", tenant: "acme", purpose: "nightly sync" },
  });
  t.ok(payload.jti?.startsWith(runIdDigits(request.lease.runId)));
  t.equal(expiresAt, 1_800_000_060_000, "rounded down to the second that the token says");
});

/** Of the key that signs. */
async function privateMember(directory: string): Promise<JWK["d"]> {
  return (await activeKey(directory)).d;
}

async function activeKey(directory: string): Promise<JWK> {
  const set = new TextDecoder().decode(await keyStoreIn(directory).read("jwt-test"));
  const { keys } = JSON.parse(set) as { keys: { jwk: JWK; activeAt: number | null }[] };
  return keys.find(({ activeAt }) => activeAt !== null)?.jwk ?? {};
}

t.test("[CRED-26] the private key never shows at the endpoints", async (t) => {
  const { issuer, directory } = await openIssuer(t);
  const d = await privateMember(directory);
  const text = await (await fetch(`${issuer.url}/jwks`)).text();
  t.notOk(text.includes(String(d)));
  t.strictSame(Object.keys(JSON.parse(text).keys[0]).sort(), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
});

function signCritical(claims: object, key: CryptoKey, head: object): Promise<string> {
  return new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
    .setProtectedHeader({ alg: "ES256", ...head, "urn:rule": true, crit: ["urn:rule"] })
    .sign(key, { crit: { "urn:rule": true } });
}

function hmacToken(claims: object, secret: string, kid: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "at+jwt", kid })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

t.test("[CRED-25] introspection says no to everything but a live token of ours", async (t) => {
  const { issuer, clock, directory } = await openIssuer(t);
  const request = requestFor();
  const { secret } = await issuer.issue(request, signal);
  const asked = async (token: string) => (await post(`${issuer.url}/introspect`, token)).body;
  t.match(await asked(secret), { active: true, scope: "orders:read", token_type: "Bearer", aud: audience });
  t.notOk("mayfly" in (await asked(secret)), "what is between us and the job stays out");

  const [header = "", payload = "", signature = ""] = secret.split(".");
  const claims = decodeJwt(secret);
  const stranger = await generateKeyPair("ES256");
  const sign = (document: object, key: CryptoKey, head: object = decodeProtectedHeader(secret)) =>
    new CompactSign(new TextEncoder().encode(JSON.stringify(document)))
      .setProtectedHeader(head as { alg: string })
      .sign(key);
  const ownKey = await crypto.subtle.importKey(
    "jwk",
    await activeKey(directory),
    { name: "ECDSA", namedCurve: "P-256" },
    false,
    ["sign"],
  );
  const head = decodeProtectedHeader(secret);
  const strangerJwk = await crypto.subtle.exportKey("jwk", stranger.publicKey);
  const { d: _private, ...open } = await activeKey(directory);
  const publicPem = await exportSPKI((await importJWK(open, "ES256")) as CryptoKey);
  const none = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString("base64url")}.${payload}.`;
  const forged: Record<string, string> = {
    nothing: "x",
    "no signature (alg none)": none,
    "a cut signature": `${header}.${payload}.${signature.slice(0, -4)}`,
    "other claims": `${header}.${Buffer.from('{"scope":"admin"}').toString("base64url")}.${signature}`,
    "a stranger's key": await sign(claims, stranger.privateKey),
    "a stranger's key in the header": await sign(claims, stranger.privateKey, { alg: "ES256", typ: "at+jwt", jwk: {} }),
    "our key, a jti that was never registered": await sign({ ...claims, jti: "other" }, ownKey),
    "our key, another issuer's URL": await sign({ ...claims, iss: "http://127.0.0.1:1" }, ownKey),
    "our key, no access token": await sign(claims, ownKey, {
      alg: "ES256",
      typ: "JWT",
      kid: decodeProtectedHeader(secret).kid,
    }),
    "our key, a second key offered (jwk)": await sign(claims, ownKey, { ...head, jwk: strangerJwk }),
    "our key, a set elsewhere offered (jku)": await sign(claims, ownKey, { ...head, jku: "http://127.0.0.1:1/jwks" }),
    "our key, a rule that nobody knows (crit)": await signCritical(claims, ownKey, head),
    "a stranger's key under our kid": await sign(claims, stranger.privateKey, head),
    "a stranger's key under its own kid and jwk": await sign(claims, stranger.privateKey, {
      ...head,
      kid: "stranger",
      jwk: strangerJwk,
    }),
    "a kid that is a path": await sign(claims, ownKey, { ...head, kid: "../../keys/jwt" }),
    "a kid that is a member of every object": await sign(claims, ownKey, { ...head, kid: "__proto__" }),
    "our public key as the secret of HS256": hmacToken(claims, publicPem, String(head.kid)),
    "ten thousand characters": "a".repeat(10_000),
  };
  t.strictSame((await asked(await sign(claims, ownKey))).active, true, "the hand that forges is able to sign");
  for (const [name, token] of Object.entries(forged)) t.strictSame(await asked(token), { active: false }, name);

  clock.advance(59_876);
  t.equal((await asked(secret)).active, true, "the last moment before expiry");
  clock.advance(1);
  t.strictSame(await asked(secret), { active: false }, "expired on the second");
});

t.test("a token that is valid from later on, by a clock that stepped back, is not active", async (t) => {
  const { issuer, clock } = await openIssuer(t);
  const { secret } = await issuer.issue(requestFor(), signal);
  clock.advance(-300_000);
  t.strictSame((await post(`${issuer.url}/introspect`, secret)).body, { active: false });
});

t.test("whoever holds a token can end it, and an older token can't end a newer", async (t) => {
  const { issuer } = await openIssuer(t);
  const request = requestFor();
  const first = await issuer.issue(request, signal);
  const second = await issuer.issue(request, signal);
  t.equal((await post(`${issuer.url}/revoke`, first.secret)).status, 200);
  t.equal((await post(`${issuer.url}/introspect`, second.secret)).body.active, true);
  t.equal((await post(`${issuer.url}/revoke`, second.secret)).status, 200);
  t.equal((await post(`${issuer.url}/introspect`, second.secret)).body.active, false);
  t.equal((await post(`${issuer.url}/revoke`, "unknown")).status, 200, "RFC 7009: unknown is success");
});

t.test("malformed requests get short answers without a stack", async (t) => {
  const { issuer, registry } = await openIssuer(t);
  const { secret } = await issuer.issue(requestFor(), signal);
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const cases: [string, RequestInit, number][] = [
    ["/introspect", { method: "GET" }, 405],
    ["/jwks", { method: "POST" }, 405],
    ["/introspect", { method: "POST", body: "token=x", headers: { "content-type": "text/plain" } }, 415],
    ["/introspect", { method: "POST", body: "", headers: form }, 400],
    ["/introspect", { method: "POST", body: "token=a&token=b", headers: form }, 400],
    ["/introspect", { method: "POST", body: `token=${"a".repeat(20_000)}`, headers: form }, 413],
    ["/..%2f", {}, 404],
    ["/jwks?x", {}, 404],
  ];
  for (const [path, init, status] of cases) {
    const response = await fetch(`${issuer.url}${path}`, init);
    t.equal(response.status, status, `${init.method ?? "GET"} ${path}`);
    t.notMatch(await response.text(), /at .*:\d+/);
  }
  registry.fail();
  t.equal((await post(`${issuer.url}/introspect`, secret)).status, 503, "an unknown state is no yes and no no");
});

t.test("a web page that aims its own name at loopback gets nothing", async (t) => {
  const { issuer } = await openIssuer(t);
  const answer = await rawRequest(Number(new URL(issuer.url).port), "GET /jwks HTTP/1.1\r\nhost: evil.example\r\n\r\n");
  t.match(answer, /^HTTP\/1\.1 421 /);
});

t.test("what is no HTTP is turned away and the server lives on", async (t) => {
  const { issuer } = await openIssuer(t);
  t.match(await rawRequest(Number(new URL(issuer.url).port), "\x16\x03\x01 hello\r\n\r\n"), /^HTTP\/1\.1 400 /);
  t.equal((await fetch(`${issuer.url}/jwks`)).status, 200);
});

function rawRequest(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    socket.setEncoding("utf8").once("data", (text: unknown) => {
      socket.destroy();
      resolve(String(text));
    });
    socket.once("error", reject);
  });
}

t.test("a registry that can't be written to yields no token", async (t) => {
  const { issuer, registry } = await openIssuer(t);
  registry.put = async () => {
    throw new Error("disk full");
  };
  await t.rejects(issuer.issue(requestFor(), signal), { code: "issuer_unavailable" });
});

t.test("the row is durable before the token is handed out", async (t) => {
  const { issuer, registry } = await openIssuer(t);
  const { put } = registry;
  const gate = Promise.withResolvers<void>();
  registry.put = async (row) => {
    await gate.promise;
    await put(row);
  };
  let handedOut = false;
  const issuing = issuer.issue(requestFor(), signal).then(() => {
    handedOut = true;
  });
  await fetch(`${issuer.url}/jwks`); // some turns of the loop
  t.equal(handedOut, false);
  gate.resolve();
  await issuing;
});

t.test("a token of a sub-second life is refused rather than rounded up", async (t) => {
  const { issuer } = await openIssuer(t);
  await t.rejects(issuer.issue(requestFor(newLease(), 1_800_000_000_999), signal), { code: "issuer_refused" });
  await t.rejects(issuer.issue({ ...requestFor(), purpose: "x".repeat(9_000) }, signal), { code: "issuer_refused" });
});

t.test("a port of a stranger's is reported, and one of our own installation's is used", async (t) => {
  const { issuer, parts, registry } = await openIssuer(t);
  const listen = { host: "127.0.0.1", port: Number(new URL(issuer.url).port) };

  const sibling: JwtIssuer = await makeJwtIssuer({ ...parts, name: "second", audience: "https://two.example", listen });
  t.equal(sibling.url, issuer.url);
  const lease = newLease();
  const { secret } = await sibling.issue(requestFor(lease), signal);
  t.equal((await post(`${issuer.url}/introspect`, secret)).body.active, true, "the first answers for the second");
  t.match(await sibling.prove(lease, secret, signal), { verdict: "alive", how: "introspection: active" });
  t.equal(registry.active("second", 0).length, 1);
  await sibling.close();
  t.equal((await fetch(`${issuer.url}/jwks`)).status, 200, "the sibling's end is not the server's");

  const other = { ...parts, listen, keys: signingKeysIn(mkdtempSync(join(t.testdirName, "other-"))) };
  await t.rejects(makeJwtIssuer(other), { code: "issuer_port_taken", found: /another installation/ });

  const stranger = createServer((_request, response) => response.end("hello"));
  await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
  t.teardown(() => stranger.close());
  const { port } = stranger.address() as { port: number };
  await t.rejects(makeJwtIssuer({ ...parts, listen: { host: "127.0.0.1", port } }), {
    code: "issuer_port_taken",
    found: /doesn't answer as an issuer/,
  });
});

t.test("when the process that listened ends, the next one to issue takes its place", async (t) => {
  const { issuer, parts } = await openIssuer(t);
  const listen = { host: "127.0.0.1", port: Number(new URL(issuer.url).port) };
  const sibling = await makeJwtIssuer({ ...parts, listen });
  t.teardown(() => sibling.close());
  await issuer.close();
  const { secret } = await sibling.issue(requestFor(), signal);
  t.equal((await post(`${sibling.url}/introspect`, secret)).body.active, true);
});

t.test("when nobody listens any more, the registry is what proves a token dead or alive", async (t) => {
  const { issuer } = await openIssuer(t);
  const { lease } = requestFor();
  const { secret } = await issuer.issue(requestFor(lease), signal);
  await issuer.close();
  t.match(await issuer.prove(lease, secret, signal), { verdict: "alive", how: /no answer; registry/ });
  await issuer.revoke(lease, signal);
  t.match(await issuer.prove(lease, secret, signal), { verdict: "dead", how: /registry: no active token/ });
});

t.test("nothing but loopback can be listened on", async (t) => {
  for (const host of ["0.0.0.0", "::", "localhost", "10.0.0.1", "127.0.0.1.", "example.com"]) {
    const { parts } = partsIn(t.testdir(), { listen: { host, port: 0 } });
    await t.rejects(makeJwtIssuer(parts), { code: "config_invalid" }, host);
  }
});
