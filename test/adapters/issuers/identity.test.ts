// Identities of runs, on real sockets, and as verifiers see them who know nothing of Mayfly but an issuer's URL.
import { request as httpRequest } from "node:http";
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import t, { type Test } from "tap";
import { identityLifeMsMax, makeIdentityIssuer } from "../../../runtime/adapters/issuers/identity.ts";
import { makeJwtIssuer } from "../../../runtime/adapters/issuers/jwt.ts";
import { identityRegistryName } from "../../../runtime/adapters/issuers/jwt-desk.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom as random } from "../../../runtime/adapters/system/random.ts";
import { type RunId, runIdDigits } from "../../../runtime/model/ids.ts";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { makeMemoryTokenRegistry } from "../../../runtime/testkit/memory-token-registry.ts";
import { signingKeysIn } from "../../support/signing-keys.ts";

const audience = "https://vault.example";
const { signal } = new AbortController();

function open(t: Test, changes: { url?: string; port?: number } = {}) {
  const registry = makeMemoryTokenRegistry();
  const keys = signingKeysIn(t.testdir());
  const listen = { host: "127.0.0.1", port: changes.port ?? 0 };
  const parts = { listen, keys, registry, clock: systemClock, random, trustDomain: "jobs.example" };
  const issuer = makeIdentityIssuer({ ...parts, url: changes.url ?? null });
  t.teardown(() => issuer.close());
  return { issuer, registry, keys, parts };
}

function requestFor(runId: RunId = newLease().runId, changes: { audience?: string; expiresAt?: number } = {}) {
  const expiresAt = systemClock.nowMs() + 60_000;
  return { runId, job: "order-sync", tenant: "acme", audience, expiresAt, ...changes };
}

async function post(url: string, token: string) {
  const response = await fetch(url, { method: "POST", body: new URLSearchParams({ token }) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** As any library does it that is given an issuer's URL. */
async function verifierOf(issuerUrl: string) {
  const document = await (await fetch(`${issuerUrl}/.well-known/openid-configuration`)).json();
  const { issuer, jwks_uri, introspection_endpoint } = document as Record<string, string>;
  const keys = createRemoteJWKSet(new URL(String(jwks_uri)));
  return {
    verify: (token: string, of = audience) =>
      jwtVerify(token, keys, { issuer: String(issuer), audience: of, typ: "JWT", algorithms: ["ES256"] }),
    isActive: async (token: string) => (await post(String(introspection_endpoint), token)).body.active,
  };
}

t.test("a verifier that knows only the issuer's URL learns who the run is, and that it has ended", async (t) => {
  const { issuer, registry } = open(t);
  const request = requestFor();
  const { token, expiresAt } = await issuer.token(request, signal);
  const { verify, isActive } = await verifierOf(issuer.url);
  const { payload } = await verify(token);
  const sub = `spiffe://jobs.example/tenant/acme/job/order-sync/run/${runIdDigits(request.runId)}`;
  t.match(payload, { sub, aud: audience, mayfly: { run: request.runId, job: "order-sync", tenant: "acme" } });
  t.equal(issuer.spiffeId(request), sub);
  t.equal(payload.exp, expiresAt / 1_000);
  await t.rejects(verify(token, "https://other.example"), { code: "ERR_JWT_CLAIM_VALIDATION_FAILED" });
  t.equal(await isActive(token), true);
  t.strictSame(issuer.active(), [request.runId]);

  const other = await issuer.token(requestFor(), signal);
  await issuer.end(request.runId);
  t.equal(await isActive(token), false);
  t.equal(await isActive(other.token), true, "another run's goes on");
  t.notOk(issuer.active().includes(request.runId));
  let writes = 0;
  registry.revoke = async () => {
    writes += 1;
  };
  await issuer.end(request.runId);
  t.equal(writes, 0, "a second end has nothing to write");
});

t.test("identities of one run for several audiences live side by side", async (t) => {
  const { issuer } = open(t);
  const { runId } = requestFor();
  const tokens = await Promise.all(
    ["one", "two", "two"].map((audience) => issuer.token(requestFor(runId, { audience }), signal)),
  );
  const { isActive } = await verifierOf(issuer.url);
  for (const { token } of tokens) t.equal(await isActive(token), true);
  await issuer.end(runId);
  for (const { token } of tokens) t.equal(await isActive(token), false);
});

t.test("an identity lives five minutes at most, never longer than asked, and a whole second at least", async (t) => {
  const { issuer } = open(t);
  const nowMs = systemClock.nowMs();
  const long = await issuer.token(requestFor(undefined, { expiresAt: nowMs + 86_400_000 }), signal);
  const { iat = 0, exp = 0 } = decodeJwt(long.token);
  t.equal(exp - iat, identityLifeMsMax / 1_000);
  const short = await issuer.token(requestFor(undefined, { expiresAt: nowMs + 2_900 }), signal);
  t.ok(short.expiresAt <= nowMs + 2_900);
  await t.rejects(issuer.token(requestFor(undefined, { expiresAt: nowMs }), signal), { code: "issuer_refused" });
});

t.test("an identity that is being made while its run ends is dead all the same", async (t) => {
  const { issuer, registry } = open(t);
  await issuer.open();
  const { add } = registry;
  const gate = Promise.withResolvers<void>();
  const atGate = Promise.withResolvers<void>();
  registry.add = async (row) => {
    atGate.resolve();
    await gate.promise;
    await add(row);
  };
  const { runId } = requestFor();
  const making = issuer.token(requestFor(runId), signal);
  await atGate.promise;
  const ending = issuer.end(runId);
  gate.resolve();
  const { token } = await making;
  await ending;
  t.equal((await post(`${issuer.url}/introspect`, token)).body.active, false);
});

t.test("a registry that can't be written to yields no identity", async (t) => {
  const { issuer, registry } = open(t);
  registry.add = async () => {
    throw new Error("disk full");
  };
  await t.rejects(issuer.token(requestFor(), signal), /disk full/);
});

t.test(
  "[CRED-25] an access token is no identity and an identity no access token, though one key signs both",
  async (t) => {
    const { issuer, parts, registry } = open(t);
    await issuer.open();
    const listen = { host: "127.0.0.1", port: Number(new URL(issuer.url).port) };
    const access = await makeJwtIssuer({
      ...parts,
      ...{ listen, name: "partner", audience: "https://orders.example", installation: "0a1b2c3d", identityUrl: null },
    });
    t.teardown(() => access.close());
    t.equal(access.url, issuer.url, "one server answers for both");
    const { runId } = requestFor();
    const { token } = await issuer.token(requestFor(runId), signal);
    const about = { lease: { runId }, job: "order-sync", tenant: "acme", scope: ["orders:read"], purpose: "test" };
    const { secret } = await access.issue({ ...about, expiresAt: systemClock.nowMs() + 60_000 }, signal);
    t.equal(decodeProtectedHeader(token).kid, decodeProtectedHeader(secret).kid);
    t.equal(decodeProtectedHeader(token).typ, "JWT");
    t.equal(decodeProtectedHeader(secret).typ, "at+jwt");
    t.equal(decodeJwt(token).sub, decodeJwt(secret).sub, "both name the run alike");

    const introspect = (shown: string) => post(`${issuer.url}/introspect`, shown);
    t.match((await introspect(token)).body, { active: true, aud: audience });
    t.notOk("token_type" in (await introspect(token)).body, "nothing that a resource would take for a bearer token");
    t.equal(registry.active("partner", 0).length, 1);
    t.equal(registry.active(identityRegistryName, 0).length, 1);
    await access.revoke({ runId }, signal);
    t.equal((await introspect(token)).body.active, true, "the lease's end is not the identity's");
    await issuer.end(runId);
    t.equal((await introspect(token)).body.active, false);
  },
);

t.test("one to whom an identity was shown can't end it for all others", async (t) => {
  const { issuer } = open(t);
  const { token } = await issuer.token(requestFor(), signal);
  t.match(await post(`${issuer.url}/revoke`, token), { status: 400, body: { error: "unsupported_token_type" } });
  t.equal((await post(`${issuer.url}/introspect`, token)).body.active, true);
});

t.test(
  "behind a proxy the issuer is the published URL, with its path or without, and a stranger's name is turned away",
  async (t) => {
    const url = "https://id.example.com/mayfly";
    const { issuer } = open(t, { url });
    const request = requestFor();
    const { token } = await issuer.token(request, signal);
    t.equal(decodeJwt(token).iss, url);
    t.equal(issuer.url, url);
    const port = Number(new URL(await issuer.open()).port);
    const get = (host: string, path: string) => rawGet(port, host, path);
    for (const path of ["/mayfly/.well-known/openid-configuration", "/.well-known/openid-configuration"]) {
      const { status, body } = await get("id.example.com", path);
      t.equal(status, 200);
      t.match(body, { issuer: url, jwks_uri: `${url}/jwks`, introspection_endpoint: `${url}/introspect` });
    }
    t.match(await get("id.example.com", "/mayfly/jwks"), {
      status: 200,
      body: { keys: [{ kty: "EC" }, { kty: "EC" }] },
    });
    t.equal((await get("evil.example.com", "/jwks")).status, 421);
    t.match(await post(`http://127.0.0.1:${port}/introspect`, token), { body: { active: true } });
  },
);

function rawGet(port: number, host: string, path: string): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: "127.0.0.1", port, path, headers: { host } }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) });
    });
    sent.once("error", reject);
    sent.end();
  });
}
