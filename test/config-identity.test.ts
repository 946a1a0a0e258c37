// The words by which a config says who its runs are towards others.
import t from "tap";
import { ConfigInvalid, parseConfig } from "../runtime/config.ts";

type Words = Record<string, unknown>;
const file = { directory: "/srv/app", path: "/srv/app/sandbox.config.ts" };
const parse = (identity: unknown, rest: Words = {}) => parseConfig({ jobs: {}, identity, ...rest }, file);

function only(value: () => unknown): string {
  try {
    value();
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error;
    t.equal(error.problems.length, 1);
    return error.problems.map(({ path, found, needed, next }) => `${path}: ${found} / ${needed} / ${next}`).join();
  }
  return "no problem";
}

t.test("saying nothing means the embedded issuer's own address, and the installation's own domain", async (t) => {
  const nothing = { listen: { host: "127.0.0.1", port: 7_420 }, url: null, trustDomain: null };
  t.strictSame(parse(undefined).identity, nothing);
  t.strictSame(parse({}).identity, nothing);
  const all = { listen: "[::1]:9000", url: "https://id.example.com/mayfly", trustDomain: "jobs.example.com" };
  t.strictSame(parse(all).identity, { ...all, listen: { host: "::1", port: 9_000 } });
});

t.test("words that are refused", async (t) => {
  t.match(
    only(() => parse({ trustdomain: "a" })),
    /identity\.trustdomain: an unknown key.*did you mean `trustDomain`/,
  );
  t.match(
    only(() => parse("https://id.example.com")),
    /^identity: .*an object/,
  );
  t.match(
    only(() => parse({ trustDomain: "spiffe://a" })),
    /^identity\.trustDomain: .*trust domain/,
  );
  t.match(
    only(() => parse({ listen: "0.0.0.0:7420" })),
    /^identity\.listen: .*loopback/,
  );
  const urls: [string, RegExp][] = [
    ["https://id.example.com/", /perhaps "https:\/\/id\.example\.com"/],
    ["https://ID.example.com", /perhaps "https:\/\/id\.example\.com"/],
    ["https://id.example.com:443", /perhaps "https:\/\/id\.example\.com"/],
    ["https://id.example.com/a?b", /without/],
    ["https://id.example.com/#a", /without/],
    ["https://user:pass@id.example.com", /a URL with a user in it/],
    ["http://id.example.com", /plaintext on loopback only/],
    ["file:///etc", /plaintext|such as/],
    ["id.example.com", /such as/],
  ];
  for (const [url, message] of urls)
    t.match(
      only(() => parse({ url })),
      message,
      url,
    );
  t.equal(parse({ url: "http://127.0.0.1:8080" }).identity.url, "http://127.0.0.1:8080");
});

t.test("[CRED-25] an audience that takes access tokens of ours takes no identities", async (t) => {
  const issuers = { partner: { kind: "jwt", audience: "https://orders.example" } };
  const job = (audience: string) => ({
    sync: { entry: "./sync.ts", identity: { audiences: ["https://a", audience] } },
  });
  const found = only(() => parse({}, { issuers, jobs: job("https://orders.example") }));
  t.match(found, /^jobs\.sync\.identity\.audiences\[1\]: the audience of issuers\.partner/);
  t.ok(parse({}, { issuers, jobs: job("https://vault.example") }));
});
