// The words of an OAuth issuer. Each that is missing, or doesn't go with another, is a permission or a promise that nobody
// gave.
import t from "tap";
import { ConfigInvalid, issuers, parseConfig } from "../runtime/config.ts";

const file = { directory: "/srv/app", path: "/srv/app/sandbox.config.ts" };
const client = { id: "mayfly", secret: { env: "OAUTH_SECRET" } };
const least = { server: "https://login.example/realms/ops", client, tokenLife: "50s" } as const;

function parse(words: Record<string, unknown>) {
  return parseConfig({ jobs: {}, issuers: { partner: { kind: "oauth", ...words } } }, file).issuers.partner;
}

/** Its problems, one a line. */
function wrong(words: Record<string, unknown>): string {
  try {
    parse(words);
    return "nothing is wrong";
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error;
    return error.problems.map(({ path, found, needed }) => `${path}: ${found} / ${needed}`).join("\n");
  }
}

t.test("the least that can be said is the safest: a client for each run, TLS, nothing lacking", async (t) => {
  t.match(parseConfig({ jobs: {}, issuers: { partner: issuers.oauth(least) } }, file).issuers.partner, {
    ...{ kind: "oauth", name: "partner", server: new URL(least.server), client },
    mode: { kind: "registration", initial: null },
    transport: { ca: null, client: null, plaintext: false },
    ...{ grant: "client_credentials", tokenLifeMs: 50_000, without: [], audience: null, resource: null, subject: null },
  });
});

t.test("all that can be said, with its paths made absolute", async (t) => {
  const said = parse({
    ...{
      ...least,
      client: { id: "mayfly", tls: "client" },
      initialToken: { file: "./initial" },
      grant: "token-exchange",
    },
    ...{ audience: "orders", resource: "https://orders.example/", subject: "svc" },
    tls: { ca: "./ca.pem", certificate: "./own.pem", key: { file: "./own.key" } },
  });
  t.match(said, {
    client: { id: "mayfly", tls: "client" },
    mode: { kind: "registration", initial: { file: "/srv/app/initial" } },
    ...{ grant: "token-exchange", audience: "orders", resource: "https://orders.example/", subject: "svc" },
    transport: {
      ca: "/srv/app/ca.pem",
      client: { certificate: "/srv/app/own.pem", key: { file: "/srv/app/own.key" } },
    },
  });
  const token = parse({
    ...least,
    mode: "token",
    without: ["revocation"],
    client: { id: "x", key: { file: "k.pem" } },
  });
  t.match(token, {
    mode: { kind: "token" },
    without: ["revocation"],
    client: { id: "x", key: { file: "/srv/app/k.pem" } },
  });
});

const mistakes: [name: string, words: Record<string, unknown>, says: RegExp][] = [
  [
    "no server",
    { ...least, server: undefined },
    /^issuers\.partner\.server: nothing \/ the server's issuer identifier/,
  ],
  ["a server that is no URL", { ...least, server: "login.example" }, /server: .* \/ the server's issuer/],
  ["a server with a query", { ...least, server: "https://login.example/?a=b" }, /server: /],
  [
    "a server with a password",
    { ...least, server: "https://a:hunter2@login.example/" },
    /server: a URL with a user in it/,
  ],
  ["a server of another scheme", { ...least, server: "ftp://login.example/" }, /server: /],
  ["a server in plaintext", { ...least, server: "http://login.example/" }, /server: http: \/ TLS/],
  ["a name that resolves to loopback", { ...least, server: "http://localhost:8080/" }, /server: http: \/ TLS/],
  ["no client", { ...least, client: undefined }, /client: nothing/],
  [
    "a client that shows nothing",
    { ...least, client: { id: "mayfly" } },
    /client: an id alone \/ one of secret, key and tls/,
  ],
  ["two ways", { ...least, client: { ...client, key: { env: "K" } } }, /client: secret and key \/ one of/],
  ["a secret in the config", { ...least, client: { id: "mayfly", secret: "hunter2" } }, /client\.secret: .*itself/],
  ["a certificate that isn't there", { ...least, client: { id: "a", tls: "client" } }, /tls: no certificate/],
  ["no life of tokens", { ...least, tokenLife: undefined }, /tokenLife: nothing \/ a duration/],
  ["a life of hours", { ...least, tokenLife: "61m" }, /tokenLife: .* \/ at most 1h/],
  ["a life of less than a second", { ...least, tokenLife: "999ms" }, /tokenLife: .* \/ at least 1s/],
  ["another mode", { ...least, mode: "tokens" }, /mode: "tokens"/],
  [
    "an initial token for nobody",
    { ...least, mode: "token", initialToken: { env: "I" } },
    /initialToken: it with mode "token"/,
  ],
  [
    "a lack that a client for each run can't have",
    { ...least, without: ["revocation"] },
    /without: it with mode "registration"/,
  ],
  ["a lack of something else", { ...least, mode: "token", without: ["tls"] }, /without\[0\]: "tls"/],
  [
    "what can't be ended, for long",
    { ...least, mode: "token", without: ["revocation"], tokenLife: "301s" },
    /at most 5m without revocation/,
  ],
  [
    "what can't be proven, for long",
    { ...least, mode: "token", without: ["introspection"], tokenLife: "6m" },
    /at most 5m without introspection/,
  ],
  [
    "a subject that nothing is exchanged for",
    { ...least, subject: "svc" },
    /subject: it with grant "client_credentials"/,
  ],
  ["a key that nobody knows", { ...least, scope: ["x"] }, /scope: /],
];

for (const [name, words, says] of mistakes) {
  t.test(`a config with ${name}`, async (t) => {
    const found = wrong(words);
    t.match(found, says);
    t.equal(found.split("\n").length, 1, found);
    t.notMatch(found, "hunter2");
  });
}

t.test(
  "the edges: five minutes of what can't be ended, an hour of what can, plaintext by the explicit word",
  async (t) => {
    t.match(parse({ ...least, mode: "token", without: ["revocation"], tokenLife: "5m" }), { tokenLifeMs: 300_000 });
    t.match(parse({ ...least, tokenLife: "1h" }), { tokenLifeMs: 3_600_000 });
    t.match(parse({ ...least, server: "http://login.example/", plaintext: "allowed" }), {
      transport: { plaintext: true },
    });
    t.match(parse({ ...least, server: "http://127.0.0.1:8080" }), { transport: { plaintext: false } });
  },
);

t.test("what its credentials can be used by, and where", async (t) => {
  const job = (credential: Record<string, unknown>) => ({
    issuers: { partner: { kind: "oauth", ...least } },
    jobs: {
      sync: {
        entry: "./x.ts",
        network: { allow: ["GET https://api.example/*"] },
        credential: { issuer: "partner", scope: ["a"], ttl: "2m", purpose: "x", ...credential },
      },
    },
  });
  const hosts = ["api.example"];
  for (const credential of [{ hosts }, { hosts, place: { query: "t" } }, { delivery: "revealed" }]) {
    t.ok(parseConfig(job(credential), file).jobs.sync);
  }
  t.throws(() => parseConfig(job({ delivery: "query" }), file), /"sealed" or "revealed" with a oauth issuer/);
  t.throws(() => parseConfig(job({ hosts, place: { tls: "client" } }), file), /header, query, form, json or basic/);
});
