// Redirects: where they may not lead, and what must stay behind when they lead elsewhere.
import { createServer } from "node:http";
import t from "tap";
import { makeUndiciClients } from "../../../runtime/adapters/system/undici-client.ts";
import { Denied } from "../../../runtime/core/capabilities/capability.ts";
import { makeSealed, makeWorld, orders, partner, redirectTo } from "./egress-world.ts";

t.test("[NET-20] every hop of a redirect is decided like a first request", async (t) => {
  const places = [
    "https://evil.test/v1/a",
    "https://api.partner.test/admin",
    "https://127.0.0.1/v1/a",
    "http://api.partner.test/v1/a",
    "https://api.partner.test:8443/v1/a",
    "https://u@api.partner.test/v1/a",
    "//evil.test/v1/a",
    "\\\\evil.test",
    "/v1/%2e%2e/admin",
    "../../admin",
    "file:///etc/passwd",
    "https://",
    "/v1/a\tb",
    "http://169.254.169.254/latest/meta-data/",
  ];
  for (const status of [301, 302, 303, 307, 308]) {
    for (const place of places) {
      const world = makeWorld({ ...partner, answer: () => redirectTo(place, status) });
      const error = await world.refusal(orders);
      t.equal(error.code, "redirect", `${status} to ${place}`);
      t.type(error, Denied);
      t.equal(world.dials.length, 1, "the first hop alone");
    }
  }
});

t.test("[NET-13] [NET-20] https never falls to http, not even where a rule would allow it", async (t) => {
  const allow = [...partner.allow, "GET http://api.partner.test/v1/*"];
  const world = makeWorld({ ...partner, allow, answer: () => redirectTo("http://api.partner.test/v1/a") });
  t.match(await world.refusal(orders), { code: "redirect", message: /\(scheme\)/ });
  t.equal(world.dials.length, 1);
});

t.test("[NET-20] a redirect to a name that leads inside is refused", async (t) => {
  const allow = [...partner.allow, "GET https://inside.partner.test/*"];
  const names = { ...partner.names, "inside.partner.test": ["10.0.0.1"] };
  const world = makeWorld({ allow, names, answer: () => redirectTo("https://inside.partner.test/") });
  t.match(await world.refusal(orders), { code: "redirect", message: /\(address_private\)/ });
  t.equal(world.dials.length, 1);
});

t.test("an allowed redirect is recorded before it is dialled, and the answer says where it came from", async (t) => {
  const world = makeWorld({
    ...partner,
    answer: ({ target }) => {
      if (target.path === "/v1/orders") return redirectTo("moved?x=y");
      t.match(world.events.at(-1), {
        type: "allow",
        target: "GET https://api.partner.test/v1/moved",
        detail: "redirect 302",
      });
      return {};
    },
  });
  t.match(await world.request(orders), { url: "https://api.partner.test/v1/moved?x=y", redirected: true, status: 200 });
  t.equal(world.usage.requests, 2);
});

t.test("[NET-21] no field of the first host reaches the second, whatever its name, and none comes back", async (t) => {
  const allow = ["GET https://api.partner.test/v1/*", "GET https://other.partner.test/*"];
  const hops = ["https://other.partner.test/a", "https://api.partner.test/v1/back"];
  const world = makeWorld({ ...partner, allow, answer: () => (hops.length > 0 ? redirectTo(hops.shift() ?? "") : {}) });
  const headers: [string, string][] = [
    ["authorization", "a"],
    ["cookie", "b"],
    ["x-api-key", "c"],
    ["x-vault-token", "d"],
    ["my-own", "e"],
    ["referer", "f"],
    ["accept", "text/plain"],
    ["accept-language", "de"],
    ["user-agent", "job"],
  ];
  await world.request(orders, { headers });
  const harmless = [
    ["accept", "text/plain"],
    ["accept-language", "de"],
    ["user-agent", "job"],
  ];
  t.strictSame(
    world.dials.map(({ target }) => target.headers),
    [headers, harmless, harmless],
  );
});

t.test("within one origin the fields stay", async (t) => {
  const world = makeWorld({
    ...partner,
    answer: ({ target }) => (target.path === "/v1/orders" ? redirectTo("/v1/b") : {}),
  });
  await world.request(orders, { headers: [["x-api-key", "c"]] });
  t.strictSame(world.dials[1]?.target.headers, [["x-api-key", "c"]]);
});

t.test("a redirect rewrites method and body as fetch does", async (t) => {
  const cases = [
    ["POST", 301, "GET", null],
    ["POST", 302, "GET", null],
    ["POST", 303, "GET", null],
    ["PUT", 303, "GET", null],
    ["POST", 307, "POST", "body"],
    ["PUT", 308, "PUT", "body"],
    ["PUT", 302, "PUT", "body"],
  ] as const;
  for (const [method, status, then, body] of cases) {
    const world = makeWorld({
      ...partner,
      answer: ({ target }) => (target.path === "/v1/orders" ? redirectTo("/v1/b", status) : {}),
    });
    await world.request(orders, {
      method,
      body: "body",
      headers: [
        ["content-type", "text/plain"],
        ["x-a", "1"],
      ],
    });
    const second = world.dials[1];
    t.equal(second?.target.method, then, `${method} ${status}`);
    t.equal(second?.body === null ? null : Buffer.from(second?.body ?? []).toString(), body);
    t.equal(second?.target.headers.length, body === null ? 1 : 2, "content-type goes with the body");
  }
});

t.test("[NET-21] a body never goes to another origin by itself", async (t) => {
  const allow = ["POST https://api.partner.test/v1/*", "GET,POST https://other.partner.test/*"];
  for (const status of [307, 308]) {
    const world = makeWorld({ ...partner, allow, answer: () => redirectTo("https://other.partner.test/a", status) });
    t.equal((await world.refusal(orders, { method: "POST", body: "secret" })).code, "redirect");
    t.equal(world.dials.length, 1);
  }
  const world = makeWorld({
    ...partner,
    allow,
    answer: ({ target }) => (target.host === "api.partner.test" ? redirectTo("https://other.partner.test/a", 303) : {}),
  });
  await world.request(orders, { method: "POST", body: "secret", headers: [["content-type", "a/b"]] });
  t.match(world.dials[1], { body: null, target: { method: "GET", headers: [] } });
});

t.test("[RES-19] a loop of redirects ends, and so does a chain", async (t) => {
  const world = makeWorld({ ...partner, answer: ({ target }) => redirectTo(`${target.path}x`) });
  t.equal((await world.refusal(orders)).code, "redirects");
  t.equal(world.dials.length, 11, "the first and ten more");
  const fits = makeWorld({ ...partner, answer: () => (fits.dials.length <= 10 ? redirectTo("/v1/a") : {}) });
  t.equal((await fits.request(orders)).status, 200);
});

t.test("who asks for no redirect, or for the redirect itself, gets that", async (t) => {
  const world = makeWorld({ ...partner, answer: () => redirectTo("https://evil.test/") });
  t.match(await world.refusal(orders, { redirect: "error" }), { code: "redirect", name: "Failed" });
  t.match(await world.request(orders, { redirect: "manual" }), { status: 302, redirected: false });
  const bare = makeWorld({ ...partner, answer: () => ({ status: 304 }) });
  t.equal((await bare.request(orders)).status, 304);
  const two = makeWorld({
    ...partner,
    answer: () => ({
      status: 302,
      headers: [
        ["location", "/v1/a"],
        ["location", "/v1/b"],
      ] as [string, string][],
    }),
  });
  t.equal((await two.refusal(orders)).code, "redirect");
});

t.test(
  "[NET-21] on real sockets: a redirect between two hosts of loopback carries no secret and dials what was checked",
  async (t) => {
    const seen: {
      host: string | undefined;
      authorization: string | undefined;
      key: unknown;
      at: string | undefined;
    }[] = [];
    const server = createServer((request, response) => {
      const { host, authorization } = request.headers;
      seen.push({ host, authorization, key: request.headers["x-api-key"], at: request.socket.localAddress });
      const { port } = server.address() as { port: number };
      if (request.url === "/v1/orders") response.writeHead(302, { location: `http://b.partner.test:${port}/v1/moved` });
      response.end("ok");
    });
    await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
    const { port } = server.address() as { port: number };
    const client = makeUndiciClients()();
    t.teardown(async () => {
      await client.close();
      await new Promise((resolve) => server.close(resolve));
    });
    const { sealed } = makeSealed("canary-7f3a9d", [`a.partner.test:${port}`]);
    const world = makeWorld({
      allow: [`GET http://a.partner.test:${port}/v1/*`, `GET http://b.partner.test:${port}/v1/*`],
      privateAddresses: ["127.0.0.0/8"],
      names: { "a.partner.test": ["127.0.0.2"], "b.partner.test": ["127.0.0.3"] },
      sealed,
      client,
    });
    const headers: [string, string][] = [
      ["authorization", sealed.placeholder],
      ["x-api-key", "k"],
    ];
    const answer = await world.request(`http://a.partner.test:${port}/v1/orders`, { headers });
    t.equal(Buffer.from(answer.body ?? []).toString(), "ok");
    t.equal(answer.url, `http://b.partner.test:${port}/v1/moved`);
    t.strictSame(seen, [
      { host: `a.partner.test:${port}`, authorization: "canary-7f3a9d", key: "k", at: "127.0.0.2" },
      { host: `b.partner.test:${port}`, authorization: undefined, key: undefined, at: "127.0.0.3" },
    ]);
  },
);
