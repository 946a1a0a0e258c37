// The partner's API with the embedded issuer: who gets in, and how soon a revoked token doesn't.
import { CompactSign, decodeJwt, decodeProtectedHeader, generateKeyPair } from "jose";
import t, { type Test } from "tap";
import { makeJwtIssuer } from "../../runtime/adapters/issuers/jwt.ts";
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import { systemRandom } from "../../runtime/adapters/system/random.ts";
import { newLease } from "../../runtime/testkit/issuer-contract.ts";
import { makeMemoryTokenRegistry } from "../../runtime/testkit/memory-token-registry.ts";
import { defaultAudience, startPartner } from "../../scripts/partner.ts";
import { signingKeysIn } from "../support/signing-keys.ts";

const signal = new AbortController().signal;

async function open(t: Test, audience = defaultAudience) {
  const issuer = await makeJwtIssuer({
    name: "partner",
    audience,
    listen: { host: "127.0.0.1", port: 0 },
    identityUrl: null,
    keys: signingKeysIn(t.testdir()),
    registry: makeMemoryTokenRegistry(),
    clock: systemClock,
    random: systemRandom,
    installation: "0a1b2c3d",
    trustDomain: "0a1b2c3d.mayfly",
  });
  const partner = await startPartner({ port: 0, issuerUrl: issuer.url });
  t.teardown(async () => {
    await partner.stop();
    await issuer.close();
  });
  const get = (token: string | undefined, query = "") =>
    fetch(
      `${partner.url}/v1/orders${query}`,
      token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
    );
  const lease = newLease();
  const issue = async (scope = "orders:read") => {
    const request = { lease, job: "order-sync", tenant: "default", scope: [scope], purpose: "test" };
    return (await issuer.issue({ ...request, expiresAt: systemClock.nowMs() + 60_000 }, signal)).secret;
  };
  return { issuer, partner, get, issue, lease };
}

interface Page {
  orders: { id: string; totalCents: number }[];
  next: string | null;
}

t.test("a good token pages through all orders, each once, and the same every time", async (t) => {
  const { get, issue, partner } = await open(t);
  const token = await issue();
  const ids: string[] = [];
  for (let next: string | null = ""; next !== null; ) {
    const response = await get(token, `?limit=100${next === "" ? "" : `&cursor=${next}`}`);
    t.equal(response.status, 200);
    const page = (await response.json()) as Page;
    ids.push(...page.orders.map(({ id }) => id));
    next = page.next;
  }
  t.equal(ids.length, 437);
  t.equal(new Set(ids).size, 437);
  t.match(partner.requests, [{ method: "GET", path: "/v1/orders?limit=100", status: 200, refusal: null }]);
  t.notOk(JSON.stringify(partner.requests).includes(token), "no token is kept");
  const once = await (await get(token)).text();
  t.equal(await (await get(token)).text(), once);
});

t.test("the next request after a revocation is refused", async (t) => {
  const { get, issue, issuer, lease, partner } = await open(t);
  const token = await issue();
  t.equal((await get(token)).status, 200);
  await issuer.revoke(lease, signal);
  const refused = await get(token);
  t.equal(refused.status, 401);
  t.equal(refused.headers.get("www-authenticate"), 'Bearer realm="orders", error="invalid_token"');
  t.equal(partner.requests.at(-1)?.refusal, "revoked");
});

t.test("a partner that only looked at signatures would still let the revoked token in", async (t) => {
  const { issue, issuer, lease } = await open(t);
  const token = await issue();
  await issuer.revoke(lease, signal);
  const claims = decodeJwt(token);
  t.ok((claims.exp ?? 0) * 1_000 > systemClock.nowMs(), "it has not expired: introspection is what refuses it");
});

t.test("when the issuer can't be asked nobody gets in", async (t) => {
  const { get, issue, issuer, partner } = await open(t);
  const token = await issue();
  t.equal((await get(token)).status, 200);
  await issuer.close();
  t.equal((await get(token)).status, 401);
  t.equal(partner.requests.at(-1)?.refusal, "the issuer can't be asked");
});

t.test("no token, a broken one, a stranger's and one for somebody else are refused", async (t) => {
  const { get, issue, partner } = await open(t);
  const token = await issue();
  const none = await get(undefined);
  t.equal(none.status, 401);
  t.equal(none.headers.get("www-authenticate"), 'Bearer realm="orders"', "RFC 6750: no error for no token");
  const { privateKey } = await generateKeyPair("ES256");
  const stranger = await new CompactSign(new TextEncoder().encode(JSON.stringify(decodeJwt(token))))
    .setProtectedHeader(decodeProtectedHeader(token) as { alg: string })
    .sign(privateKey);
  for (const bad of ["x", `${token}x`, stranger, `${token} ${token}`]) t.equal((await get(bad)).status, 401);
  const basic = await fetch(`${partner.url}/v1/orders`, { headers: { authorization: `Basic ${token}` } });
  t.equal(basic.status, 401);
  const other = await open(t, "https://somebody.example");
  t.equal((await other.get(await other.issue())).status, 401, "another audience");
  t.equal((await get(await other.issue())).status, 401, "another issuer");
});

t.test("a token for something else is refused with 403", async (t) => {
  const { get, issue } = await open(t);
  const response = await get(await issue("orders:write"));
  t.equal(response.status, 403);
  t.match(response.headers.get("www-authenticate"), /error="insufficient_scope", scope="orders:read"/);
});

t.test("what the API doesn't know gets a 4xx", async (t) => {
  const { get, issue, partner } = await open(t);
  const token = await issue();
  for (const query of ["?limit=0", "?limit=101", "?limit=x", "?cursor=x", "?cursor=b3JkXzk5"]) {
    t.equal((await get(token, query)).status, 400, query);
  }
  t.equal((await fetch(`${partner.url}/`)).status, 404);
  t.equal((await fetch(`${partner.url}/v1/orders`, { method: "DELETE" })).status, 405);
});

t.test("stopping frees the port", async (t) => {
  const { partner, get, issue } = await open(t);
  await get(await issue());
  await partner.stop();
  const again = await startPartner({ port: Number(new URL(partner.url).port) });
  await again.stop();
});
