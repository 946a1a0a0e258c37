// Egress has ends: of requests, of bodies, of turns and of time, each armed and each at its edge.
import t from "tap";
import { type Denied, Failed } from "../../../runtime/core/capabilities/capability.ts";
import { ExchangeFailure, type ExchangeFailureCode, inOnePiece } from "../../../runtime/ports/http-client.ts";
import { inlineBodyBytesMax } from "../../../runtime/protocol/bridge.ts";
import { denies, makeWorld, orders, PUBLIC, partner, redirectTo, untilAborted } from "./egress-world.ts";

t.test("requests are counted to the last one, redirects among them", async (t) => {
  const world = makeWorld({
    ...partner,
    limits: { requests: 3 },
    answer: ({ target }) => (target.path === "/v1/orders" ? redirectTo("/v1/b") : {}),
  });
  await world.request(orders);
  t.equal((await world.refusal(orders)).code, "requests", "its second hop would be the fourth");
  t.equal((await world.refusal("https://api.partner.test/v1/b")).code, "requests");
  t.equal(world.dials.length, 3);
  t.equal(world.usage.requests, 3);
});

t.test("requests that are decided side by side pass the limit by none", async (t) => {
  const world = makeWorld({ ...partner, limits: { requests: 3 } });
  const all = await Promise.allSettled(Array.from({ length: 10 }, () => world.request(orders)));
  t.equal(all.filter(({ status }) => status === "fulfilled").length, 3);
  t.equal(world.dials.length, 3);
});

t.test("a body above its limit is refused at the first byte too many", async (t) => {
  const limits = { requestBodyBytes: 10 };
  await denies(t, { ...partner, limits }, "request_size", orders, { method: "POST", body: "12345678901" });
  const world = makeWorld({ ...partner, limits });
  await world.request(orders, { method: "POST", body: "1234567890" });
  t.equal(world.usage.bytesOut, 10);
});

t.test("so many at once, so many waiting, and the rest are told", async (t) => {
  const releases: (() => void)[] = [];
  const answer = () => new Promise<object>((resolve) => releases.push(() => resolve({})));
  const world = makeWorld({ ...partner, limits: { requestsAtOnce: 2 }, answer });
  const all = Array.from({ length: 50 }, () => world.request(orders));
  const settled = Promise.allSettled(all);
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(world.dials.length, 2, "two under way");
  while (releases.length > 0) {
    t.ok(releases.length <= 2);
    releases.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const results = await settled;
  t.equal(results.filter(({ status }) => status === "fulfilled").length, 2 + 32);
  const refused = results.flatMap((result) => (result.status === "rejected" ? [(result.reason as Denied).code] : []));
  t.strictSame(refused, new Array(16).fill("sockets"));
  await Promise.all([
    world.request(orders),
    releases.shift()?.(),
    new Promise((resolve) => setImmediate(resolve)).then(() => releases.shift()?.()),
  ]);
});

t.test("requests that wait hold 4 MiB of bodies and not one byte more", async (t) => {
  const world = makeWorld({ ...partner, limits: { requestsAtOnce: 8 }, answer: untilAborted });
  const controller = new AbortController();
  const body = "x".repeat(inlineBodyBytesMax);
  const post = () => world.refusal(orders, { method: "POST", body }, controller.signal);
  const held = Array.from({ length: 64 }, post);
  t.equal((await post()).code, "sockets", "though 136 might wait");
  controller.abort();
  t.strictSame(new Set((await Promise.all(held)).map(({ code }) => code)), new Set(["aborted"]));
});

t.test("a request that is given up while it waits makes room, and is never dialled", async (t) => {
  const releases: (() => void)[] = [];
  const answer = () => new Promise<object>((resolve) => releases.push(() => resolve({})));
  const world = makeWorld({ ...partner, limits: { requestsAtOnce: 1 }, answer });
  const first = world.request(orders);
  await new Promise((resolve) => setImmediate(resolve));
  const controller = new AbortController();
  const waiting = Array.from({ length: 16 }, () => world.refusal(`${orders}?waiting`, {}, controller.signal));
  await new Promise((resolve) => setImmediate(resolve));
  t.equal((await world.refusal(orders)).code, "sockets");
  controller.abort();
  t.strictSame(new Set((await Promise.all(waiting)).map(({ code }) => code)), new Set(["aborted"]));
  const next = world.request(orders);
  releases.shift()?.();
  await first;
  await new Promise((resolve) => setImmediate(resolve));
  releases.shift()?.();
  await next;
  t.equal(world.dials.length, 2);
});

t.test("a call that is given up between decision and act leaves no ticket", async (t) => {
  const world = makeWorld({ ...partner, limits: { requestsAtOnce: 1 } });
  const args = { url: orders, method: "GET", headers: [], redirect: "follow" as const };
  const none = { body: "none" as const, bodyBytes: null };
  for (let index = 0; index < 40; index += 1) {
    const controller = new AbortController();
    const upload = () => inOnePiece(new Uint8Array(0));
    const context = { signal: controller.signal, usage: world.usage, record: async () => {}, upload };
    await world.network.request.authorize({ ...args, ...none }, new Uint8Array(0), context);
    controller.abort();
  }
  t.equal((await world.request(orders)).status, 200);
});

t.test("the time of a request is one sum over all its hops", async (t) => {
  const world = makeWorld({
    ...partner,
    limits: { requestMs: 1_000 },
    answer: ({ target }) => {
      world.clock.pass(400);
      return redirectTo(`${target.path}x`);
    },
  });
  t.match(await world.refusal(orders), { code: "net_timeout", message: /within 1s/ });
  t.strictSame(
    world.dials.map(({ totalMs }) => totalMs),
    [1_000, 600, 200],
  );
});

t.test("a server that never answers is left when the time is up", async (t) => {
  const world = makeWorld({ ...partner, limits: { requestMs: 1_000 }, answer: untilAborted });
  const waiting = world.refusal(orders);
  await new Promise((resolve) => setImmediate(resolve));
  world.clock.pass(999);
  t.equal(world.dials[0]?.signal.aborted, false);
  world.clock.pass(1);
  t.equal((await waiting).code, "net_timeout");
});

t.test("a failure is a code and one text: no address, no errno", async (t) => {
  const codes: ExchangeFailureCode[] = [
    "net_unreachable",
    "net_timeout",
    "net_tls",
    "net_protocol",
    "response_size",
    "response_header",
    "aborted",
  ];
  for (const code of codes) {
    const answer = () => {
      throw new ExchangeFailure(code, `connect ECONNREFUSED ${PUBLIC}:443`, new Error("errno -111"));
    };
    const error = await makeWorld({ ...partner, answer }).refusal(orders);
    t.type(error, Failed);
    t.equal(error.code, code);
    t.notMatch(error.message, /ECONN|errno|\d+\.\d+\.\d+/);
    t.equal(error.cause, undefined);
  }
});
