// The words of a Vault issuer, and their refusals.
import t from "tap";
import { ConfigInvalid, issuers, parseConfig } from "../runtime/config.ts";

const file = { directory: "/srv/app", path: "/srv/app/sandbox.config.ts" };
const login = { role: "mayfly", audience: "https://vault.example" };
const credentials = { "database/creds/readonly": { secret: "password" } };
const words = { url: "https://vault.example:8200", login, credentials };

const parse = (changes: object) =>
  parseConfig({ issuers: { ops: { kind: "vault", ...words, ...changes } }, jobs: {} }, file).issuers.ops;

function problems(changes: object): string {
  try {
    parse(changes);
  } catch (error) {
    if (error instanceof ConfigInvalid)
      return error.problems.map((each) => `${each.path}: ${each.found} / ${each.needed}`).join("\n");
    throw error;
  }
  return "";
}

t.test("the least, and all that can be said", async (t) => {
  const least = parseConfig({ issuers: { ops: issuers.vault(words) }, jobs: {} }, file).issuers.ops;
  t.match(least, {
    ...{ kind: "vault", name: "ops", namespace: null, management: null, wrapS: null },
    url: { href: "https://vault.example:8200/" },
    login: { mount: "jwt", role: "mayfly", audience: "https://vault.example" },
    credentials: new Map([["database/creds/readonly", { secret: ["password"], with: [] }]]),
  });
  const most = {
    ...{ namespace: "team-a/apps", wrap: "1m", management: { file: "./vault.token" } },
    login: { ...login, mount: "workloads/jwt" },
    credentials: { "aws/creds/deploy": { secret: ["secret_key", "security_token"], with: ["access_key"] } },
  };
  t.match(parse(most), {
    ...{ namespace: "team-a/apps", wrapS: 60, management: { file: "/srv/app/vault.token" } },
    login: { mount: "workloads/jwt" },
    credentials: new Map([["aws/creds/deploy", { secret: ["secret_key", "security_token"], with: ["access_key"] }]]),
  });
});

t.test("what is missing, unsafe or meaningless is said", async (t) => {
  const at = (path: string) => ({ credentials: { [path]: { secret: "password" } } });
  const cases: [string, object, RegExp][] = [
    ["no paths", { credentials: {} }, /credentials: none/],
    ["a path of the system's", at("sys/wrapping/random"), /such a path/],
    ["a path of a login", at("auth/token/create"), /such a path/],
    ["a path that climbs", at("database/../sys/raw"), /such a path/],
    ["a path with a query", at("database/creds/a?x=1"), /such a path/],
    ["a path with a slash behind", at("database/creds/a/"), /such a path/],
    ["no secret", { credentials: { "a/b": { with: ["x"] } } }, /credentials\["?a\/b"?\]\.secret|a\/b.*secret/],
    ["a field twice", { credentials: { "a/b": { secret: "x", with: ["x"] } } }, /a field twice/],
    ["no role", { login: { audience: "x" } }, /login\.role/],
    ["no audience", { login: { role: "x" } }, /login\.audience/],
    ["plaintext", { url: "http://vault.example:8200" }, /url: http: .*TLS/],
    ["a URL with a path", { url: "https://vault.example/v1" }, /url: /],
    ["the token itself", { management: "hvs.secret" }, /management: (?!.*hvs\.secret)/],
    ["a namespace with a slash behind", { namespace: "team-a/" }, /namespace/],
    ["half a second of wrapping", { wrap: "500ms" }, /wrap: .*at least 1s/],
    ["an hour of wrapping", { wrap: "1h" }, /wrap: .*at most 5m/],
    ["an unknown key", { token: "x" }, /token: an unknown key/],
  ];
  for (const [name, changes, says] of cases) t.match(problems(changes), says, name);
  t.equal(problems({ url: "http://127.0.0.1:8200" }), "");
  t.equal(problems({ url: "http://vault.example:8200", plaintext: "allowed" }), "");
  t.equal(problems({ wrap: "5m" }), "");
});
