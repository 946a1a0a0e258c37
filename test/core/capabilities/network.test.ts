// Egress: what a job may not reach, say or smuggle, and that none of it is dialled. The client records every dial.
import t from "tap";
import { denies, makeWorld, orders, PUBLIC, partner } from "./egress-world.ts";

t.test("an allowed request is dialled at its checked address, and the audit target has no query", async (t) => {
  const world = makeWorld({
    ...partner,
    answer: () => ({ body: Buffer.from("[]"), wireBytes: 2, headers: [["set-cookie", "a=b"]] }),
  });
  const headers: [string, string][] = [
    ["Accept", " application/json "],
    ["X-A", "1"],
    ["x-a", "2"],
  ];
  const answer = await world.request(`${orders}?token=t#part`, { headers });
  t.match(world.dials[0]?.target, {
    method: "GET",
    scheme: "https",
    host: "api.partner.test",
    port: 443,
    address: PUBLIC,
    path: "/v1/orders?token=t",
    headers: [
      ["accept", "application/json"],
      ["x-a", "1"],
      ["x-a", "2"],
    ],
  });
  t.strictSame(world.events, [{ type: "allow", target: "GET https://api.partner.test/v1/orders" }]);
  t.match(answer, { status: 200, url: `${orders}?token=t`, redirected: false, headers: [["set-cookie", "a=b"]] });
  t.match(world.usage, { requests: 1, bytesIn: 2, bytesOut: 0 });
  t.equal(world.clock.pending(), 0, "no timer is left");
});

t.test("[NET-01] an empty allowlist allows nothing, and asks no resolver", async (t) => {
  const world = makeWorld({ ...partner, allow: [] });
  t.match(await world.refusal(orders), { code: "not_allowed", message: /network\.allow[;,] which is empty/ });
  t.strictSame([world.dials.length, world.asked.length], [0, 0]);
});

t.test("a denial names the nearest rule and the line that would allow it", async (t) => {
  const error = await denies(t, partner, "not_allowed", "https://api.partner.test/v2/orders?x=y");
  const all = [error.message, error.nearest, error.remedy].join("; ");
  t.match(all, '"GET,POST,PUT,DELETE https://api.partner.test/v1/*"');
  t.match(all, '"GET https://api.partner.test/v2/*"');
  t.equal(error.target, "GET https://api.partner.test/v2/orders");
  const none = await denies(t, partner, "not_allowed", "http://localhost:3000/a");
  t.match(none.message, /no rule can allow it: found "localhost"; needed: write 127\.0\.0\.1/);
});

t.test("no spelling of a loopback, private or metadata address is dialled under a rule for another host", async (t) => {
  const spellings = [
    "127.1",
    "0177.0.0.1",
    "0x7f.1",
    "2130706433",
    "017700000001",
    "0",
    "127.0.0.1.",
    "[::1]",
    "[::]",
    "①②⑦.0.0.1",
    "[::ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "127。0。0。1",
    "169.254.169.254",
    "0xa9fea9fe",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "metadata.google.internal",
    "10.0.0.1",
  ];
  for (const host of spellings) await denies(t, partner, "not_allowed", `https://${host}/v1/orders`);
});

t.test("names that look like the allowed one are not it", async (t) => {
  const hosts = [
    "evilapi.partner.test",
    "api.partner.test.evil.test",
    "api.partner.test.",
    "partner.test",
    "\u0430pi.partner.test",
    "xn--pi-7kc.partner.test",
    "api.partner.test:8443",
    "api.partner.test:22",
    "x.api.partner.test",
    `${"a".repeat(64)}.test`,
    "a_b.test",
  ];
  for (const host of hosts) await denies(t, partner, "not_allowed", `https://${host}/v1/orders`);
  const cyrillic = await denies(t, partner, "not_allowed", "https://\u0430pi.partner.test/v1/orders");
  t.match(cyrillic.target, "xn--", "the log shows what it is");
});

t.test("other spellings of the allowed name have the same verdict as its ASCII form", async (t) => {
  for (const host of [
    "API.Partner.Test",
    "ⓐpi.partner.test",
    "api。partner.test",
    "api.part\u00adner.test",
    "%61pi.partner.test",
    "api.partner.test:443",
  ]) {
    const world = makeWorld(partner);
    await world.request(`https://${host}/v1/orders`);
    t.match(world.dials[0]?.target, { host: "api.partner.test", address: PUBLIC, port: 443 }, host);
  }
});

t.test("user information is refused, wherever it hides", async (t) => {
  for (const url of [
    "https://api.partner.test@evil.test/v1/",
    "https://u:p@api.partner.test/v1/",
    "https://@api.partner.test/v1/",
    "https://api.partner.test:443@evil.test/",
    "https:u@api.partner.test/v1/",
  ]) {
    await denies(t, partner, "userinfo", url);
  }
});

t.test("no other scheme, and no scheme that a rule doesn't name", async (t) => {
  for (const url of [
    "file:///etc/passwd",
    "data:,x",
    "blob:https://api.partner.test/1",
    "javascript:1",
    "ftp://api.partner.test/",
    "gopher://api.partner.test/",
    "ws://api.partner.test/",
    "http+unix://%2Frun%2Fdocker.sock/",
    "about:blank",
    "unix:/run/x",
  ]) {
    await denies(t, partner, "scheme", url);
  }
  await denies(t, partner, "not_allowed", "http://api.partner.test/v1/orders");
});

t.test("what is no URL, or only after cleaning, is refused before it is cleaned", async (t) => {
  for (const url of [
    "",
    "/v1/orders",
    "//api.partner.test/v1/",
    "https://",
    "https://api.partner.test:65536/v1/",
    "https://a b/",
    "https://api.partner.test:0/v1/",
    "https://allowed.test%00.evil/",
    "https://[fe80::1%25eth0]/",
    "https://api.part\tner.test/v1/",
    "https://api.partner.test/v1/\norders",
    " https://api.partner.test/v1/",
    "https://api.partner.test/v1/\0",
  ]) {
    await denies(t, partner, "url_invalid", url);
  }
});

t.test("a path that servers read in two ways is refused, even below an allowed prefix", async (t) => {
  for (const path of [
    "%2e%2e/admin",
    "a/%2E%2e/admin",
    "a%2fb",
    "a%5cb",
    "a\\b",
    "a%252e%252e",
    "a%00",
    "..;/admin",
    "a/..;x/b",
    "%c0%ae",
    "%0d%0a",
  ]) {
    await denies(t, partner, "path_ambiguous", `https://api.partner.test/v1/${path}`);
  }
  await denies(t, partner, "path_ambiguous", "https://evil.test\\@api.partner.test/v1/");
  await denies(t, partner, "not_allowed", "https://api.partner.test/v1/../admin");
  const world = makeWorld(partner);
  await world.request("https://api.partner.test/v1/100%25/gr%C3%BCezi?next=%2e%2e%2f");
  t.equal(world.dials[0]?.target.path, "/v1/100%25/gr%C3%BCezi?next=%2e%2e%2f", "the query is the server's own");
});

t.test("header fields of the runtime, and ones that end their line, are refused by name", async (t) => {
  const reserved = [
    "Host",
    "content-length",
    "Transfer-Encoding",
    "connection",
    "keep-alive",
    "Upgrade",
    "expect",
    "TE",
    "trailer",
    "via",
    "Proxy-Authorization",
    "proxy-connection",
    "sec-fetch-site",
    "X-Forwarded-For",
    "x_forwarded_for",
    "forwarded",
    "cookie2",
    "x-http-method-override",
    "X-Original-URL",
  ];
  for (const name of reserved) {
    const error = await denies(t, partner, "header", orders, { headers: [[name, "x"]] });
    t.match(error.message, name.toLowerCase());
  }
  for (const header of [
    ["a b", "1"],
    ["a:", "1"],
    ["", "1"],
    ["a\r\nb", "1"],
    ["a", "1\r\nb: 2"],
    ["a", "1\n2"],
    ["a", "1\0"],
    ["a", "ĉ"],
    ["é", "1"],
  ]) {
    await denies(t, partner, "header", orders, { headers: [header as [string, string]] });
  }
});

t.test("methods are those of the list; lower case is raised where fetch raises it", async (t) => {
  for (const method of ["CONNECT", "TRACE", "connect", "trace", "patch", "BREW", "GE T", "", "GET\r\nx", "G\u0415T"]) {
    await denies(t, partner, "method", orders, { method });
  }
  await denies(t, partner, "method", orders, { body: "x" });
  await denies(t, partner, "not_allowed", orders, { method: "OPTIONS" });
  const world = makeWorld(partner);
  await world.request(orders, { method: "delete" });
  t.equal(world.dials[0]?.target.method, "DELETE");
});
