// The words of an x509 issuer in a config, and what is refused.
import t from "tap";
import { ConfigInvalid, issuers, parseConfig } from "../runtime/config.ts";

const file = { directory: "/srv/app", path: "/srv/app/sandbox.config.ts" };

function problemsOf(words: unknown, credential?: object): string {
  const job = { entry: "./a.ts", network: { allow: ["GET https://api.test/*"] }, credential };
  try {
    parseConfig({ issuers: { mtls: words }, jobs: credential === undefined ? {} : { a: job } }, file);
    return "";
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.describe();
    throw error;
  }
}

t.test("little needs to be said, and all of it is what it says", (t) => {
  const parsed = (words: object) => parseConfig({ issuers: { mtls: words }, jobs: {} } as never, file).issuers.mtls;
  t.same(parsed(issuers.x509()), { kind: "x509", name: "mtls", crlLifeMs: 3_600_000, probe: null });
  const words = issuers.x509({ crlLife: "2m", probe: { url: "https://api.test/health", ca: "./ca.pem" } });
  t.same(parsed(words), {
    ...{ kind: "x509", name: "mtls", crlLifeMs: 120_000 },
    probe: { url: new URL("https://api.test/health"), ca: "/srv/app/ca.pem" },
  });
  t.same(parsed(issuers.x509({ crlLife: "7d" })), { kind: "x509", name: "mtls", crlLifeMs: 604_800_000, probe: null });
  t.end();
});

t.test("what isn't said so is refused, with what was found and needed", (t) => {
  const bad: [words: object, message: RegExp][] = [
    [{ kind: "x509", crlLife: "119s" }, /issuers\.mtls\.crlLife[\s\S]*at least 2m/],
    [{ kind: "x509", crlLife: "169h" }, /issuers\.mtls\.crlLife[\s\S]*at most/],
    [{ kind: "x509", crlLife: 60 }, /crlLife/],
    [{ kind: "x509", probe: { url: "http://api.test/" } }, /issuers\.mtls\.probe\.url[\s\S]*https/],
    [{ kind: "x509", probe: { url: "https://user:canary@api.test/" } }, /issuers\.mtls\.probe\.url/],
    [{ kind: "x509", probe: {} }, /probe\.url/],
    [{ kind: "x509", probe: { url: "https://api.test/", insecure: true } }, /insecure/],
    [{ kind: "x509", ca: "./ca.pem" }, /ca/],
    [{ kind: "x509", key: "./key.pem" }, /key/],
  ];
  for (const [words, message] of bad) {
    const text = problemsOf(words);
    t.match(text, message, JSON.stringify(words));
    t.notMatch(text, /canary/);
  }
  t.end();
});

t.test("a certificate is sealed, at the place that shows it, and nothing else", (t) => {
  const fine = {
    issuer: "mtls",
    scope: ["role:a"],
    ttl: "1m",
    purpose: "p",
    place: { tls: "client" },
    hosts: ["api.test"],
  };
  t.equal(problemsOf({ kind: "x509" }, fine), "");
  t.match(
    problemsOf({ kind: "x509" }, { ...fine, delivery: "revealed", place: undefined, hosts: undefined }),
    /delivery/,
  );
  t.match(problemsOf({ kind: "x509" }, { ...fine, place: { header: "authorization" } }), /place/);
  t.match(problemsOf({ kind: "jwt", audience: "https://api.test" }, fine), /place/);
  t.end();
});
