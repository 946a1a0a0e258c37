// What somebody learns who guesses: nothing, from answers, from what is asked behind them, or from how far a check goes.
// A clock in a test would measure the machine; what is held here is that there is nothing to measure: the same bytes, and
// no step that depends on how near a guess came.
import { request } from "node:http";
import { decodeProtectedHeader } from "jose";
import t from "tap";
import { makeJwtIssuer } from "../../../runtime/adapters/issuers/jwt.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { makeMemoryTokenRegistry } from "../../../runtime/testkit/memory-token-registry.ts";
import { signingKeysIn } from "../../support/signing-keys.ts";

const signal = new AbortController().signal;

async function openIssuer(directory: string) {
  const registry = makeMemoryTokenRegistry();
  let looks = 0;
  const counting = {
    ...registry,
    find: (...asked: Parameters<typeof registry.find>) => {
      looks += 1;
      return registry.find(...asked);
    },
  };
  const issuer = await makeJwtIssuer({
    ...{
      name: "partner",
      audience: "https://orders.example",
      listen: { host: "127.0.0.1", port: 0 },
      identityUrl: null,
    },
    ...{ keys: signingKeysIn(directory, { clock: systemClock }), registry: counting, clock: systemClock },
    ...{ random: systemRandom, installation: "0a1b2c3d", trustDomain: "jobs.example" },
  });
  return { issuer, looks: () => looks };
}

/** All of an answer, but for the time of day. */
function answerTo(url: string, token: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const body = new URLSearchParams({ token }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded", "content-length": body.length };
    const asked = request(`${url}/introspect`, { method: "POST", headers, agent: false }, async (response) => {
      const pieces = await response.toArray();
      const fields = response.rawHeaders.join("\n").replace(/^Date\n.*$/im, "Date");
      resolve(`${response.statusCode}\n${fields}\n\n${Buffer.concat(pieces)}`);
    });
    asked.once("error", reject).end(body);
  });
}

const changed = (text: string, at: number) => {
  const from = at < 0 ? text.length + at : at;
  return `${text.slice(0, from)}${text[from] === "A" ? "B" : "A"}${text.slice(from + 1)}`;
};

t.test(
  "[CRED-33] a token that is nearly right, that was right, or that is noise: one answer, to the byte",
  async (t) => {
    const { issuer, looks } = await openIssuer(t.testdir());
    t.teardown(() => issuer.close());
    const issue = (lease = newLease()) => {
      const order = {
        job: "sync",
        tenant: "acme",
        scope: ["orders:read"],
        purpose: "test",
        expiresAt: Date.now() + 60_000,
      };
      return issuer.issue({ lease, ...order }, signal);
    };
    const lease = newLease();
    const ended = (await issue(lease)).secret;
    await issuer.revoke(lease, signal);
    const { secret } = await issue();
    const [head = "", claims = "", signature = ""] = secret.split(".");
    const guesses: Record<string, string> = {
      noise: "x".repeat(secret.length),
      "one character": "a",
      "its first character": changed(secret, 0),
      "its last character but one": changed(secret, -2),
      "its first of the signature": `${head}.${claims}.${changed(signature, 0)}`,
      "another's claims under its signature": `${head}.${ended.split(".")[1]}.${signature}`,
      "its head and no more": `${head}..`,
      "another key's name": `${Buffer.from(JSON.stringify({ ...decodeProtectedHeader(secret), kid: "x" })).toString("base64url")}.${claims}.${signature}`,
    };
    const live = await answerTo(issuer.url, secret);
    t.match(live, /"active":true/);
    const before = looks();
    const answers = new Set<string>();
    for (const [name, guess] of Object.entries(guesses)) {
      const answer = await answerTo(issuer.url, guess);
      t.match(answer, /^200\n[\s\S]*\{"active":false\}$/, name);
      answers.add(answer);
    }
    t.equal(looks(), before, "the registry, which knows what was ended, was asked for none of them");
    answers.add(await answerTo(issuer.url, ended));
    t.equal(looks(), before + 1, "what we signed is looked up once, ended or not");
    t.equal(answers.size, 1);
    answers.add(live);
    t.equal(answers.size, 2, "the same look tells two answers apart (twin)");
  },
);
