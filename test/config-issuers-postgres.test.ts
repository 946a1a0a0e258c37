// The config's words for how a PostgreSQL issuer is reached, and their refusals.
import t from "tap";
import { ConfigInvalid, issuers, parseConfig } from "../runtime/config.ts";

const file = { directory: "/srv/app", path: "/srv/app/sandbox.config.ts" };
const url = { env: "PG_URL" };

const parse = (issuer: unknown) => parseConfig({ issuers: { w: issuer }, jobs: {} }, file).issuers.w;

function only(issuer: unknown): string {
  try {
    parse(issuer);
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error;
    const lines = error.problems.map(
      ({ path, found, needed, next }) => `${path}: ${found} / ${needed} / ${next ?? ""}`,
    );
    t.equal(lines.length, 1, lines.join(" | "));
    return lines[0] ?? "";
  }
  return "";
}

t.test("the least that it takes, and all that it may say", async (t) => {
  t.same(parse(issuers.postgres({ url })), {
    ...{ kind: "postgres", name: "w", url },
    transport: { ca: null, client: null, plaintext: false },
  });
  const tls = { ca: "./ca.pem", certificate: "./us.pem", key: { env: "US_KEY" } };
  t.match(parse(issuers.postgres({ url, tls, plaintext: "allowed" })), {
    transport: {
      ca: "/srv/app/ca.pem",
      client: { certificate: "/srv/app/us.pem", key: { env: "US_KEY" } },
      plaintext: true,
    },
  });
});

t.test("a mistake that starts anyway: a server that nobody verifies", async (t) => {
  t.match(only({ kind: "postgres", url, sslmode: "require" }), /^issuers\.w\.sslmode: .*unknown key/);
  t.match(only({ kind: "postgres", url, ssl: false }), /^issuers\.w\.ssl: .*unknown key/);
  t.match(only({ kind: "postgres", url, tls: true }), /^issuers\.w\.tls/);
  t.match(only({ kind: "postgres", url, tls: { rejectUnauthorized: false } }), /rejectUnauthorized: .*unknown key/);
  t.match(only({ kind: "postgres", url, plaintext: "yes" }), /^issuers\.w\.plaintext: "yes" .*"allowed"/);
  t.match(only({ kind: "postgres", url, tls: { key: { env: "K" } } }), /^issuers\.w\.tls\.certificate: nothing/);
});
