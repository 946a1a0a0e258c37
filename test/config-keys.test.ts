// The words by which a config says where its keys are, and where root credentials are read.
import t from "tap";
import { ConfigInvalid, keys, parseConfig } from "../runtime/config.ts";

const file = { directory: "/srv/app", path: "/srv/app/sandbox.config.ts" };
const parse = (words: unknown) => parseConfig({ jobs: {}, keys: words }, file).keys;
const day = 86_400_000;

function only(words: unknown, rest: Record<string, unknown> = {}): string {
  try {
    parseConfig({ jobs: {}, keys: words, ...rest }, file);
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error;
    t.equal(error.problems.length, 1, JSON.stringify(error.problems));
    return error.problems.map(({ path, found, needed, next }) => `${path}: ${found} / ${needed} / ${next}`).join();
  }
  return "no problem";
}

const pkcs11 = keys.pkcs11({ module: "./lib/hsm.so", token: "ours", pin: { env: "HSM_PIN" } });
const transit = keys.transit({ url: "https://vault.example:8200", key: "mayfly", token: { file: "./vault-token" } });

t.test("saying nothing means a file, and a month for a signing key", async (t) => {
  t.strictSame(parse(undefined), { provider: "file", rotationMs: 30 * day });
  t.strictSame(parse(keys.file()), { provider: "file", rotationMs: 30 * day });
  t.strictSame(parse(keys.file({ rotation: "7d" })), { provider: "file", rotationMs: 7 * day });
  t.strictSame(parse(pkcs11), {
    ...{ provider: "pkcs11", module: "/srv/app/lib/hsm.so", token: "ours", pin: { env: "HSM_PIN" }, key: "mayfly" },
    rotationMs: 30 * day,
  });
  t.strictSame(parse({ ...transit, mount: "infra/transit", namespace: "team-a" }), {
    ...{ provider: "transit", url: "https://vault.example:8200", mount: "infra/transit", namespace: "team-a" },
    ...{ key: "mayfly", token: { file: "/srv/app/vault-token" }, rotationMs: 30 * day },
    transport: { ca: null, client: null, plaintext: false },
  });
});

t.test("words that are refused", async (t) => {
  t.match(only({ provider: "vault" }), /^keys\.provider: "vault" .*"file", "pkcs11", "transit"/);
  t.match(only("file"), /^keys: "file" .*an object/);
  t.match(only({ provider: "file", path: "./x" }), /^keys\.path: an unknown key/);
  t.match(only({ ...pkcs11, keys: "x" }), /^keys\.keys: an unknown key.*did you mean `key`/);
  t.match(only({ ...transit, keyy: "x" }), /^keys\.keyy: an unknown key.*did you mean `key`/);
  t.match(only({ ...pkcs11, token: "x".repeat(33) }), /^keys\.token: .*32 printable/);
  t.match(only({ ...transit, key: "../sys" }), /^keys\.key: .*Transit key/);
  t.match(only({ ...transit, mount: "a/../b/?" }), /^keys\.mount: /);
  t.match(only({ ...transit, url: "https://vault.example/v1" }), /^keys\.url: .*without path/);
  t.match(only({ ...transit, url: "http://vault.example:8200" }), /^keys\.url: .*TLS .*plaintext: "allowed"/);
  t.equal(parse({ ...transit, url: "http://127.0.0.1:8200" }).provider, "transit");
  t.match(only(keys.file({ rotation: "59m" })), /^keys\.rotation: .*at least 1h/);
  t.equal(parse(keys.file({ rotation: "1h" })).rotationMs, day / 24);
  t.match(only(keys.file({ rotation: "367d" })), /^keys\.rotation: .*at most 366d/);
});

t.test("a PIN, a token or a root credential in the config itself is refused and not shown (OPS-05)", async (t) => {
  const pin = only({ ...pkcs11, pin: "1234-secret" });
  t.match(pin, /^keys\.pin: .*\{ env: "NAME" \} or \{ file: "\.\/path" \}/);
  t.notMatch(pin, /1234/);
  t.notMatch(only({ ...transit, token: "hvs.secret" }), /hvs/);
  t.match(only({ ...pkcs11, pin: { sealed: "pin" } }), /^keys\.pin: /, "nor can what opens the keys be sealed by them");

  const postgres = (url: unknown) => ({ issuers: { pg: { kind: "postgres", url } } });
  const url = only(undefined, postgres("postgres://root:hunter2@db/x"));
  t.match(url, /^issuers\.pg\.url: the connection URL itself/);
  t.notMatch(url, /hunter2/);
  t.match(only(undefined, postgres({ sealed: "../x" })), /^issuers\.pg\.url: something else/);
  t.match(only(undefined, postgres({ sealed: "pg", env: "PG" })), /^issuers\.pg\.url: something else/);
  const parsed = parseConfig({ jobs: {}, ...postgres({ sealed: "pg-root" }) }, file);
  t.match(parsed.issuers.pg, { url: { sealed: "pg-root" } });
});
