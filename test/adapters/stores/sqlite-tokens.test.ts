// The ledger as the token registry of the embedded issuer: held to the issuers' contract, on real sockets.
import { join } from "node:path";
import { decodeJwt } from "jose";
import t from "tap";
import { makeJwtIssuer } from "../../../runtime/adapters/issuers/jwt.ts";
import { openSqliteStore } from "../../../runtime/adapters/stores/sqlite.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { makeSeals } from "../../../runtime/core/audit/chain.ts";
import { issuerContract, issuerLaws, newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { signingKeysIn } from "../../support/signing-keys.ts";

const seals = makeSeals(new Uint8Array(32));

async function openAt(directory: string) {
  const store = openSqliteStore({
    path: join(directory, "ledger.db"),
    clock: systemClock,
    random: systemRandom,
    seals,
  });
  const issuer = await makeJwtIssuer({
    name: "partner",
    audience: "https://orders.example",
    listen: { host: "127.0.0.1", port: 0 },
    identityUrl: null,
    keys: signingKeysIn(directory),
    registry: store.tokens,
    clock: systemClock,
    random: systemRandom,
    installation: store.installation,
    trustDomain: "test.mayfly",
  });
  const close = async () => {
    await issuer.close();
    await store.close().catch(() => undefined); // taken down by the law
  };
  return { store, issuer, close };
}

async function openUnderTest(directory: string) {
  const { store, issuer, close } = await openAt(directory);
  return {
    issuer,
    scope: ["orders:read"],
    scopesRefused: [["orders:*"], ["a b"]],
    nowMs: () => systemClock.nowMs(),
    async tryAtResource(_lease: unknown, secret: string) {
      const response = await fetch(`${issuer.url}/introspect`, {
        method: "POST",
        body: new URLSearchParams({ token: secret }),
      });
      const { active } = (await response.json()) as { active: boolean };
      return active ? ("accepted" as const) : ("refused" as const);
    },
    async elsewhere() {
      const other = await openAt(t.testdir({ elsewhere: {} }));
      return { ...other.issuer, close: other.close };
    },
    async takeDown() {
      await store.close();
      await issuer.close();
    },
    close,
  };
}

t.test("the contract", async (t) => {
  await issuerContract(t, "jwt on sqlite", () => openUnderTest(t.testdir()));
});

t.test("the contract catches a registry that forgets revocations", async (t) => {
  const law = issuerLaws.find(({ name }) => name.startsWith("what it revokes is refused at the resource"));
  const under = await openUnderTest(t.testdir());
  t.teardown(() => under.close());
  under.issuer.revoke = async () => {};
  await t.rejects(async () => law?.hold(under));
});

t.test("a token that was revoked stays so when the process is another one", async (t) => {
  const directory = t.testdir();
  const first = await openAt(directory);
  const lease = newLease();
  const ask = { lease, job: "j", tenant: "t", scope: ["a"], purpose: "p", expiresAt: systemClock.nowMs() + 60_000 };
  const signal = new AbortController().signal;
  const { secret } = await first.issuer.issue(ask, signal);
  const kept = await first.issuer.issue({ ...ask, lease: newLease() }, signal);
  await first.issuer.revoke(lease, signal);
  await first.close();
  const second = await openAt(directory);
  t.teardown(() => second.close());
  t.match(second.store.tokens.find("partner", String(decodeJwt(secret).jti)), { revoked: true });
  t.match(second.store.tokens.find("partner", String(decodeJwt(kept.secret).jti)), { revoked: false });
  t.same((await second.issuer.sweep(signal)).length, 1);
});

t.test("what was ended is told until it has expired by the time that is asked for, issuer by issuer", async (t) => {
  const { store, close } = await openAt(t.testdir());
  t.teardown(close);
  const { tokens } = store;
  const now = systemClock.nowMs();
  const put = (jti: string, issuer: string, expiresAt = now + 60_000) => {
    const { runId } = newLease();
    return tokens.put({ jti, issuer, runId, expiresAt }).then(() => runId);
  };
  const runs = [await put("mine", "partner"), await put("short", "partner", now + 1_000)];
  await put("standing", "partner");
  for (const run of [...runs, await put("theirs", "other")]) {
    await tokens.revoke("partner", run);
    await tokens.revoke("other", run);
  }
  const ended = (after: number) => tokens.revoked("partner", after).map(({ jti }) => jti);
  t.strictSame(ended(now + 999).sort(), ["mine", "short"]);
  t.strictSame(ended(now + 1_000), ["mine"]);
  t.strictSame(ended(now + 60_000), []);
});

t.test("[CRED-31] a serial number that was given before is refused, and the one that has it stands", async (t) => {
  const { store, close } = await openAt(t.testdir());
  t.teardown(close);
  const row = { jti: "40ab", issuer: "partner", runId: newLease().runId, expiresAt: systemClock.nowMs() + 60_000 };
  await store.tokens.put(row);
  await t.rejects(store.tokens.put({ ...row, runId: newLease().runId }));
  await t.rejects(store.tokens.put(row));
  t.match(store.tokens.find("partner", "40ab"), { revoked: false });
});
