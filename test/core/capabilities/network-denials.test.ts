// A refusal helps its reader: what was asked, which grant came nearest, and a line for the config that does allow it. Each
// proposed line is written into the config here, and the same request is made again.
import t from "tap";
import type { Denied } from "../../../runtime/core/capabilities/capability.ts";
import { limitCeilings } from "../../../runtime/model/limits.ts";
import { makeSealed, makeWorld, orders, partner, redirectTo, untilAborted } from "./egress-world.ts";

async function refused(
  world: ReturnType<typeof makeWorld>,
  ...asked: Parameters<typeof world.request>
): Promise<Denied> {
  return (await world.refusal(...asked)) as Denied;
}

t.test("a request that no rule allows: the nearest rule, and the rule that would", async (t) => {
  const error = await refused(makeWorld(partner), "https://api.partner.test/v2/orders/7?token=x");
  t.match(error, {
    code: "not_allowed",
    target: "GET https://api.partner.test/v2/orders/7",
    nearest: 'network.allow "GET,POST,PUT,DELETE https://api.partner.test/v1/*"',
    remedy: 'network.allow: ["GET https://api.partner.test/v2/orders/*"]',
  });
  t.notMatch(JSON.stringify(error) + error.message, "token", "no query in any of it");
  const [rule = ""] = JSON.parse(error.remedy?.replace("network.allow: ", "") ?? "[]") as string[];
  const allowed = makeWorld({ ...partner, allow: [...partner.allow, rule] });
  t.equal((await allowed.request("https://api.partner.test/v2/orders/7")).status, 200, "the line does what it says");
});

t.test("another method of an allowed path, and a host of which no rule speaks", async (t) => {
  const method = await refused(makeWorld(partner), orders, { method: "PATCH" });
  t.equal(method.remedy, 'network.allow: ["PATCH https://api.partner.test/v1/*"]');
  const host = await refused(makeWorld(partner), "https://else.test/a");
  t.match(host, { nearest: undefined, remedy: 'network.allow: ["GET https://else.test/a"]' });
});

t.test("where no rule can help, none is proposed, and the reason is said", async (t) => {
  const error = await refused(makeWorld(partner), "http://localhost:3000/a");
  t.match(error, { remedy: undefined, message: /no rule can allow it: found "localhost"; needed: write 127\.0\.0\.1/ });
  for (const url of ["ftp://api.partner.test/", "https://u@api.partner.test/", "https://api.partner.test/%2e%2e/"]) {
    t.match(await refused(makeWorld(partner), url), { nearest: undefined, remedy: undefined }, url);
  }
});

t.test("a name that leads inside: the key to look at, and no address in anything the guest sees", async (t) => {
  const names = { "api.partner.test": ["10.1.2.3"] };
  const error = await refused(makeWorld({ ...partner, names, privateAddresses: ["10.9.0.0/16"] }), orders);
  t.match(error, {
    code: "address_private",
    nearest: 'network.privateAddresses ["10.9.0.0/16"]',
    remedy: /^network\.privateAddresses: /,
  });
  t.notMatch([error.message, error.remedy, error.nearest].join(), /10\.1\./);
  t.match(error.target, '"10.1.2.3", private use 10.0.0.0/8', "the operator's record has it");
});

t.test("limits: what they are, and the next value, up to what a config may say", async (t) => {
  const many = makeWorld({ ...partner, limits: { requests: 1 } });
  await many.request(orders);
  t.match(await refused(many, orders), {
    code: "requests",
    nearest: "limits.requests: 1",
    remedy: "limits.requests: 2",
  });
  const small = makeWorld({ ...partner, limits: { requestBodyBytes: 1_048_576 } });
  const post = { method: "POST", body: "x".repeat(1_048_577) };
  t.match(await refused(small, orders, post), {
    nearest: 'limits.requestBody: "1MiB"',
    remedy: 'limits.requestBody: "2MiB"',
  });
  const most = makeWorld({ ...partner, limits: { requests: limitCeilings.requests } });
  most.usage.requests = limitCeilings.requests;
  t.match(await refused(most, orders), { nearest: `limits.requests: ${limitCeilings.requests}`, remedy: undefined });
});

t.test("turns: the limit that makes requests wait", async (t) => {
  const world = makeWorld({ ...partner, limits: { requestsAtOnce: 1 }, answer: untilAborted });
  const stop = new AbortController();
  const waiting = Array.from({ length: 17 }, () => world.refusal(orders, {}, stop.signal));
  t.match(await refused(world, orders), { code: "sockets", remedy: "limits.requestsAtOnce: 2" });
  stop.abort();
  await Promise.all(waiting);
});

t.test("a credential in the wrong place: where it may stand, and the line that would let it", async (t) => {
  const { sealed } = makeSealed("canary-7f3a9d", ["api.partner.test"]);
  const world = () => makeWorld({ ...partner, allow: [...partner.allow, "GET https://other.partner.test/*"], sealed });
  const nearest = 'credential.place: { header: "authorization" }, hosts: ["api.partner.test"]';
  const asked: [string, string, string | undefined][] = [
    [orders, "x-api-key", 'credential.place: { header: "x-api-key" }'],
    ["https://other.partner.test/a", "authorization", 'credential.hosts: ["api.partner.test","other.partner.test"]'],
  ];
  for (const [url, header, remedy] of asked) {
    const error = await refused(world(), url, { headers: [[header, sealed.placeholder]] });
    t.match(error, { code: "credential_place", nearest, remedy });
  }
  t.match(
    await refused(world(), `${orders}?t=${sealed.placeholder}`),
    { nearest, remedy: 'credential.place: { query: "t" }' },
    "a parameter could be one",
  );
  const inPath = await refused(world(), `https://api.partner.test/v1/${sealed.placeholder}`);
  t.match(inPath, { nearest, remedy: undefined }, "a path could not");
});

t.test("a redirect's refusal proposes the rule for where it leads", async (t) => {
  const world = makeWorld({ ...partner, answer: () => redirectTo("https://other.partner.test/moved/1") });
  t.match(await refused(world, orders), {
    code: "redirect",
    target: "GET https://other.partner.test/moved/1",
    remedy: 'network.allow: ["GET https://other.partner.test/moved/*"]',
  });
});
