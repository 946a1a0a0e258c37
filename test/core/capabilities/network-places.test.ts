// The places of a sealed credential, one by one: there it becomes the value, once, and the rest of the request stays as it
// was to the byte. What a parser sees and what stands there raw must agree, or nothing goes out.
import t, { type Test } from "tap";
import type { SealedCredential } from "../../../runtime/core/capabilities/credential.ts";
import { parseNetworkRule } from "../../../runtime/model/allowlist.ts";
import type { SealedPlace } from "../../../runtime/model/grant.ts";
import { denies, type More, makeSealed, makeWorld, orders, partner } from "./egress-world.ts";

const value = 'cänary "7f3a9d" &=%/+';
const ascii = "canary-7f3a9d";
const form = "application/x-www-form-urlencoded";

function sealedAt(place: SealedPlace, secret = ascii, more: Partial<SealedCredential> = {}) {
  const { sealed, state } = makeSealed(secret, ["api.partner.test"]);
  return { sealed: { ...sealed, place, ...more }, state };
}

/** What went over the wire. */
async function sent(sealed: SealedCredential, url: string, more: More = {}) {
  const world = makeWorld({ ...partner, allow: ["GET,POST https://api.partner.test/v1/*"], sealed });
  await world.request(url, more);
  const dial = world.dials[0];
  return {
    path: dial?.target.path,
    headers: dial?.target.headers,
    body: dial?.body === undefined || dial.body === null ? null : Buffer.from(dial.body).toString("utf8"),
  };
}

const post = (type: string, body: string, headers: [string, string][] = []): More => ({
  method: "POST",
  headers: [["Content-Type", type], ...headers],
  body,
});

async function refusedAt(t: Test, sealed: SealedCredential, url: string, more: More = {}) {
  const allow = ["GET,POST https://api.partner.test/v1/*"];
  return denies(t, { ...partner, allow, sealed }, "credential_place", url, more);
}

t.test("a query parameter: escaped as one, the others untouched", async (t) => {
  const { sealed } = sealedAt({ query: "key" }, value);
  const { path } = await sent(sealed, `${orders}?a=%7e+1&key=${sealed.placeholder}&b`);
  t.equal(path, `/v1/orders?a=%7e+1&key=${encodeURIComponent(value)}&b`);
  t.equal(new URL(`https://a.test${path}`).searchParams.get("key"), value, "as a server reads it");
});

t.test("a query parameter that only looks like the granted one", async (t) => {
  const { sealed } = sealedAt({ query: "key" });
  const ph = sealed.placeholder;
  await refusedAt(t, sealed, `${orders}?other=${ph}`);
  await refusedAt(t, sealed, `${orders}?${ph}=key`);
  await refusedAt(t, sealed, `${orders}?key=${ph.replace("-", "%2d")}`);
  await refusedAt(t, sealed, `${orders}?key=${ph}&other=${ph.replaceAll("-", "%2D")}`);
  await refusedAt(t, sealed, orders, { headers: [["authorization", ph]] });
});

t.test("a form field: escaped as one, whatever else the form has", async (t) => {
  const { sealed } = sealedAt({ form: "client_secret" }, value);
  const { body } = await sent(sealed, orders, post(form, `a=%C3%A4+b&client_secret=${sealed.placeholder}&c=`));
  t.equal(body, `a=%C3%A4+b&client_secret=${encodeURIComponent(value)}&c=`);
  t.equal(new URLSearchParams(body ?? "").get("client_secret"), value, "as a server reads it");
});

t.test("a body that isn't a form, or has it in another field", async (t) => {
  const { sealed } = sealedAt({ form: "client_secret" });
  const ph = sealed.placeholder;
  await refusedAt(t, sealed, orders, post("text/plain", `client_secret=${ph}`));
  await refusedAt(t, sealed, orders, post(form, `other=${ph}`));
  await refusedAt(t, sealed, orders, post(form, `client_secret=${ph}&other=${ph}`));
  await refusedAt(t, sealed, orders, { method: "POST", body: `client_secret=${ph}` });
});

t.test("a JSON member: as JSON text, and no byte of the rest is written anew", async (t) => {
  const { sealed } = sealedAt({ json: "/auth/a~1b" }, value);
  const before = `{ "n": 1.0e400000, "auth" : {"a/b":"Bearer ${sealed.placeholder}"}, "ä": "\\u00e4" }`;
  const { body } = await sent(sealed, orders, post("application/vnd.api+json; charset=utf-8", before));
  t.equal(JSON.parse(body ?? "").auth["a/b"], `Bearer ${value}`, "as a server reads it");
  t.equal(
    body?.replace(/Bearer .*?"\}/, 'Bearer X"}'),
    before.replace(sealed.placeholder, "X"),
    "the rest is as it was",
  );
});

t.test("JSON that two parsers would read differently", async (t) => {
  const { sealed } = sealedAt({ json: "/token" });
  const ph = sealed.placeholder;
  const json = "application/json";
  await refusedAt(t, sealed, orders, post(json, `{"token":"x ${ph}","token":"${ph}"}`));
  await refusedAt(t, sealed, orders, post(json, `{"token":"${ph}","other":"${ph}"}`));
  await refusedAt(t, sealed, orders, post(json, `{"token":["${ph}"]}`));
  await refusedAt(t, sealed, orders, post(json, `{"${ph}":"token"}`));
  await refusedAt(t, sealed, orders, post(json, `{"token":"${ph}"`));
  await refusedAt(t, sealed, orders, post("text/plain", `{"token":"${ph}"}`));
});

t.test("Basic authentication: the password, of the granted user", async (t) => {
  const { sealed } = sealedAt({ basic: "robot" }, value);
  const basic = (text: string): More => ({
    headers: [["Authorization", `Basic ${Buffer.from(text).toString("base64")}`]],
  });
  const { headers } = await sent(sealed, orders, basic(`robot:${sealed.placeholder}`));
  t.strictSame(headers, [["authorization", `Basic ${Buffer.from(`robot:${value}`).toString("base64")}`]]);
  await refusedAt(t, sealed, orders, basic(`admin:${sealed.placeholder}`));
  await refusedAt(t, sealed, orders, basic(`${sealed.placeholder}:robot`));
  await refusedAt(t, sealed, orders, { headers: [["authorization", `Bearer ${sealed.placeholder}`]] });
});

t.test("Basic authentication where the header was granted: the text says which place it would be", async (t) => {
  const { sealed } = sealedAt({ header: "authorization" });
  const encoded = Buffer.from(`robot:${sealed.placeholder}`).toString("base64");
  const error = await refusedAt(t, sealed, orders, { headers: [["authorization", `Basic ${encoded}`]] });
  t.equal(error.remedy, 'credential.place: { basic: "robot" }');
});

t.test("once a request, unless more was granted", async (t) => {
  const place = { header: "authorization" };
  const twice = (ph: string): More => ({ headers: [["authorization", `${ph} ${ph}`]] });
  const { sealed } = sealedAt(place);
  const error = await refusedAt(t, sealed, orders, twice(sealed.placeholder));
  t.equal(error.remedy, "credential.perRequest: 2");
  const { sealed: more } = sealedAt(place, ascii, { perRequest: 2 });
  const { headers } = await sent(more, orders, twice(more.placeholder));
  t.strictSame(headers, [["authorization", `${ascii} ${ascii}`]]);
});

t.test("for the granted methods and paths, not for all of the host", async (t) => {
  const parsed = parseNetworkRule("GET https://api.partner.test/v1/orders");
  const requests = parsed.ok ? [parsed.rule] : [];
  const { sealed } = sealedAt({ header: "authorization" }, ascii, { requests });
  const headers: [string, string][] = [["authorization", sealed.placeholder]];
  t.strictSame((await sent(sealed, orders, { headers })).headers, [["authorization", ascii]]);
  const elsewhere = await refusedAt(t, sealed, "https://api.partner.test/v1/invoices", { headers });
  t.match(elsewhere.remedy, /^credential\.requests: \["GET https:\/\/api\.partner\.test\/v1\/orders","GET https:/);
  await refusedAt(t, sealed, orders, { method: "POST", headers });
});

t.test("as often as granted: each request with it is counted, and no other", async (t) => {
  let uses = 0;
  const use = () => {
    uses += 1;
  };
  const { sealed } = sealedAt({ header: "authorization" }, ascii, { use });
  await sent(sealed, orders);
  t.equal(uses, 0);
  await sent(sealed, orders, { headers: [["authorization", sealed.placeholder]] });
  t.equal(uses, 1);
});

t.test("a client certificate is shown to its hosts over TLS, once the job has asked for it", async (t) => {
  const ended = new AbortController().signal;
  const key = { kind: "client-certificate", certificates: "PEM", privateKey: "KEY", ended } as const;
  const allow = ["GET https://api.partner.test/*", "GET https://other.partner.test/*", "GET http://api.partner.test/*"];
  const dialWith = async (url: string, more: Partial<SealedCredential>) => {
    const { sealed } = sealedAt({ tls: "client" }, ascii, { key: () => key, ...more });
    const world = makeWorld({ ...partner, allow, sealed });
    await world.request(url);
    return world.dials[0]?.target.clientKey;
  };
  t.same(await dialWith("https://api.partner.test/", {}), key);
  t.equal(await dialWith("https://other.partner.test/", {}), null, "another host sees none");
  t.equal(await dialWith("http://api.partner.test/", {}), null, "nor does one without TLS");
  t.equal(await dialWith("https://api.partner.test/", { wasFetched: () => false }), null, "nor before it is asked for");
  const { sealed } = sealedAt({ tls: "client" }, ascii, { reveal: () => undefined });
  const refused = await makeWorld({ ...partner, allow, sealed }).refusal("https://api.partner.test/");
  t.equal(refused.code, "ended", "and after its end there is no falling back to a connection without");
});
