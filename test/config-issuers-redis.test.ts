// The config's words for a Redis issuer, and their refusals.
import t from "tap";
import { type Config, ConfigInvalid, issuers, parseConfig } from "../runtime/config.ts";

const file = { directory: "/srv/app", path: "/srv/app/sandbox.config.ts" };

function parse(issuer: unknown, credential: Record<string, unknown> = {}): Config {
  const words = { issuer: "cache", scope: ["get:orders:*"], ttl: "2m", purpose: "sync", delivery: "command" };
  return parseConfig(
    { issuers: { cache: issuer }, jobs: { sync: { entry: "./sync.ts", credential: { ...words, ...credential } } } },
    file,
  );
}

function only(issuer: unknown, credential?: Record<string, unknown>): string {
  try {
    parse(issuer, credential);
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

const url = { env: "REDIS_URL" };

t.test("the least that it takes, and all that it may say", async (t) => {
  t.same(parse(issuers.redis({ url })).issuers.cache, {
    ...{ kind: "redis", name: "cache", url },
    transport: { ca: null, client: null, plaintext: false },
  });
  const tls = { ca: "./ca.pem", certificate: "./us.pem", key: { file: "./us.key" } };
  t.same(parse(issuers.redis({ url: { file: "./url" }, tls, plaintext: "allowed" })).issuers.cache, {
    ...{ kind: "redis", name: "cache", url: { file: "/srv/app/url" } },
    transport: {
      ca: "/srv/app/ca.pem",
      client: { certificate: "/srv/app/us.pem", key: { file: "/srv/app/us.key" } },
      plaintext: true,
    },
  });
  t.same(parse(issuers.redis({ url })).jobs.sync?.grants.credential?.operation, {
    bytesMax: 4_194_304,
    timeMs: 10_000,
  });
});

t.test("a mistake that starts anyway", async (t) => {
  const secret = "redis://root:hunter2@cache.example";
  t.match(
    only({ kind: "redis", url: secret }),
    /^issuers\.cache\.url: the connection URL itself .*never stand in the config/,
  );
  t.notMatch(only({ kind: "redis", url: secret }), /hunter2/);
  t.match(only({ kind: "redis" }), /^issuers\.cache\.url/);
  t.match(only({ kind: "redis", url, host: "x" }), /^issuers\.cache\.host: .*unknown key/);
  t.match(only({ kind: "redis", url, plaintext: true }), /^issuers\.cache\.plaintext: true .*"allowed"/);
  t.match(only({ kind: "redis", url, tls: { verify: false } }), /^issuers\.cache\.tls\.verify: .*unknown key/);
  t.match(only({ kind: "redis", url, tls: { certificate: "./us.pem" } }), /^issuers\.cache\.tls\.key: nothing/);
  t.match(only({ kind: "redis", url, tls: { key: "-----BEGIN" } }), /^issuers\.cache\.tls\.key/);
  const issuer = issuers.redis({ url });
  for (const delivery of ["revealed", "query", "exec"]) {
    t.match(only(issuer, { delivery }), /delivery: .*"command" with a redis issuer .*no sockets/, delivery);
  }
  t.match(only(issuer, { operation: { time: "2m" } }), /operation\.time: 2m .*1m/);
  t.match(only(issuer, { query: {} }), /query: it with delivery "command"/);
});
