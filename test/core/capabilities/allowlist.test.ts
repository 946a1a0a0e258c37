// The allowlist: which lines are no rules, and which requests a rule lets pass that it shouldn't.
import t from "tap";
import {
  matchRule,
  nearestRule,
  parseNetworkRule,
  type RequestLine,
  ruleTextFor,
} from "../../../runtime/model/allowlist.ts";
import type { NetworkRule } from "../../../runtime/model/grant.ts";

function rule(text: string): NetworkRule {
  const parsed = parseNetworkRule(text);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.rule;
}

function line(method: string, url: string): RequestLine {
  const { protocol, hostname, port, pathname } = new URL(url);
  const scheme = protocol === "https:" ? "https" : "http";
  return {
    method,
    scheme,
    host: hostname,
    port: port === "" ? (scheme === "https" ? 443 : 80) : Number(port),
    path: pathname,
  };
}

t.test("a rule is read into its parts", async (t) => {
  t.strictSame(rule("GET https://api.example.com/v1/*"), {
    text: "GET https://api.example.com/v1/*",
    methods: ["GET"],
    scheme: "https",
    host: "api.example.com",
    port: 443,
    path: "/v1/",
    pathIsPrefix: true,
  });
  t.match(rule("GET,POST http://127.0.0.1:7421/v1/orders"), {
    methods: ["GET", "POST"],
    port: 7421,
    pathIsPrefix: false,
  });
  t.match(rule("GET http://[::1]:81/*"), { host: "[::1]", port: 81, path: "/" });
  t.match(rule("GET https://xn--bcher-kva.example/"), { host: "xn--bcher-kva.example" });
});

t.test(
  "[NET-02] [NET-12] what could allow more than its author meant is no rule, and the message says what to write",
  async (t) => {
    const refused: [string, RegExp][] = [
      ["", /needed: methods, one space and a URL/],
      ["https://api.example.com/*", /needed: methods, one space/],
      ["GET", /needed: methods, one space/],
      ["GET  https://api.example.com/", /one space/],
      ["GET, POST https://api.example.com/", /one space/],
      ["* https://api.example.com/", /needed: GET, HEAD/],
      ["get https://api.example.com/", /found method "get"/],
      ["CONNECT https://api.example.com/", /found method "CONNECT"/],
      ["TRACE https://api.example.com/", /found method "TRACE"/],
      ["BREW https://api.example.com/", /found method "BREW"/],
      ["GET,GET https://api.example.com/", /"GET" twice/],
      [",GET https://api.example.com/", /found method ""/],
      ["GET *", /http:\/\/ or https:\/\//],
      ["GET api.example.com/*", /http:\/\/ or https:\/\//],
      ["GET //api.example.com/*", /http:\/\/ or https:\/\//],
      ["GET ftp://api.example.com/*", /http:\/\/ or https:\/\//],
      ["GET HTTPS://api.example.com/", /http:\/\/ or https:\/\//],
      ["GET https://*/", /whole host names/],
      ["GET https://*.example.com/", /whole host names/],
      ["GET https://*.com/*", /whole host names/],
      ["GET https://api.*/", /whole host names/],
      ["GET https://api.example.com:*/", /whole host names/],
      ["GET https://user@api.example.com/", /user information/],
      ["GET https://user:pass@api.example.com/", /user information/],
      ["GET https://@api.example.com/", /user information/],
      ["GET https://api.example.com/?a=b", /no query/],
      ["GET https://api.example.com/#a", /no query/],
      ["GET https://api.example.com/v1/?*", /no query/],
      ["GET https://api.example.com:0/", /port from 1 to 65535/],
      ["GET https://api.example.com:65536/", /port from 1 to 65535/],
      ["GET https://api.example.com:443/", /its one spelling, "https:\/\/api.example.com\/"/],
      ["GET https://api.example.com:0443/", /its one spelling/],
      ["GET https://API.example.com/", /its one spelling, "https:\/\/api.example.com\/"/],
      ["GET https://api.example.com", /its one spelling, "https:\/\/api.example.com\/"/],
      ["GET http://127.1/", /its one spelling, "http:\/\/127.0.0.1\/"/],
      ["GET http://2130706433/*", /its one spelling, "http:\/\/127.0.0.1\/\*"/],
      ["GET http://[0:0::1]/", /its one spelling, "http:\/\/\[::1\]\/"/],
      ["GET https:///api.example.com/", /needed/],
      ["GET https://localhost/", /write 127\.0\.0\.1/],
      ["GET https://a.localhost/", /write 127\.0\.0\.1/],
      ["GET https://intranet/", /a full name with a dot/],
      ["GET https://printer.local/", /multicast DNS/],
      ["GET https://api.example.com./", /no dot at the end/],
      ["GET https://api..example.com/", /labels of 1 to 63/],
      [`GET https://${"a".repeat(64)}.example.com/`, /labels of 1 to 63/],
      [`GET https://${"a.".repeat(130)}com/`, /253 in all/],
      ["GET https://bücher.example/", /ASCII, an IDN as xn--/],
      ["GET https://api.example.com/v1*", /whole last segment/],
      ["GET https://api.example.com/*/orders", /whole last segment/],
      ["GET https://api.example.com/**", /whole last segment/],
      ["GET https://api.example.com/*/*", /whole last segment/],
      ["GET https://api.example.com/a/../b", /its one spelling, "https:\/\/api.example.com\/b"/],
      ["GET https://api.example.com/./b", /its one spelling/],
      ["GET https://api.example.com/%2e%2e/b", /an encoded dot/],
      ["GET https://api.example.com/a%2fb", /an encoded dot, slash/],
      ["GET https://api.example.com/a\\b", /a backslash/],
      ["GET https://api.example.com\\@evil.example/", /a backslash/],
      ["GET https://api.example.com/a%252fb", /encoded twice/],
      ["GET https://api.example.com/a%00b", /control character/],
      ["GET https://api.example.com/..;/b", /dot segment with parameters/],
      ["GET https://api.example.com/%c0%ae/", /no UTF-8/],
      ["GET https://api.example.com/ä", /its one spelling, "https:\/\/api.example.com\/%C3%A4"/],
      ["GET\thttps://api.example.com/", /one space/],
      ["GET https://api.example.com/\u0000", /needed/],
    ];
    for (const [text, expected] of refused) {
      const parsed = parseNetworkRule(text);
      t.notOk(parsed.ok, text);
      if (!parsed.ok) t.match(parsed.message, expected, text);
    }
  },
);

t.test("a request passes by method, scheme, host, port and path together, or not at all", async (t) => {
  const rules = [rule("GET https://api.example.com/v1/*"), rule("POST https://api.example.com/v1/orders")];
  const allowed = (method: string, url: string) => matchRule(rules, line(method, url)) !== undefined;
  t.ok(allowed("GET", "https://api.example.com/v1/orders"));
  t.ok(allowed("GET", "https://api.example.com/v1/orders/7?x=y"));
  t.ok(allowed("GET", "https://api.example.com/v1/"));
  t.ok(allowed("POST", "https://api.example.com/v1/orders"));
  t.ok(allowed("GET", "https://api.example.com:443/v1/a"));
  const denied = [
    ["POST", "https://api.example.com/v1/other"],
    ["POST", "https://api.example.com/v1/orders/"],
    ["HEAD", "https://api.example.com/v1/orders"],
    ["GET", "http://api.example.com/v1/orders"],
    ["GET", "https://api.example.com:8443/v1/orders"],
    ["GET", "https://api.example.com/v1"],
    ["GET", "https://api.example.com/v10/orders"],
    ["GET", "https://api.example.com/V1/orders"],
    ["GET", "https://api.example.com/v1/../admin"],
    ["GET", "https://evilapi.example.com/v1/a"],
    ["GET", "https://api.example.com.evil.test/v1/a"],
    ["GET", "https://api.example.com./v1/a"],
    ["GET", "https://example.com/v1/a"],
  ] as const;
  for (const [method, url] of denied) t.notOk(allowed(method, url), `${method} ${url}`);
});

t.test("[NET-01] an empty list allows nothing", async (t) => {
  t.equal(matchRule([], line("GET", "https://api.example.com/")), undefined);
  t.equal(nearestRule([], line("GET", "https://api.example.com/")), undefined);
});

t.test("the nearest rule is one of the same host, and no other host's", async (t) => {
  const rules = [
    rule("GET https://api.example.com/v2/*"),
    rule("GET https://api.example.com/v1/*"),
    rule("GET https://b.example.com/*"),
  ];
  t.equal(nearestRule(rules, line("POST", "https://api.example.com/v1/a"))?.path, "/v1/");
  t.equal(nearestRule(rules, line("GET", "https://c.example.com/v1/a")), undefined);
});

t.test("the line that a denial proposes allows what was asked, and not the whole host", async (t) => {
  for (const [url, text] of [
    ["https://api.example.com/v2/orders", "GET https://api.example.com/v2/*"],
    ["https://api.example.com/orders", "GET https://api.example.com/orders"],
    ["https://api.example.com/", "GET https://api.example.com/"],
    ["http://127.0.0.1:7421/a/b/", "GET http://127.0.0.1:7421/a/b/*"],
  ] as const) {
    const asked = line("GET", url);
    t.equal(ruleTextFor(asked), text);
    t.ok(matchRule([rule(text)], asked), text);
  }
});
