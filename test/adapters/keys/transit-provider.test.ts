// Wrapping keys in Vault's Transit engine: a stand-in that follows its documented API, since neither Vault nor OpenBao can be
// had here.
import { randomBytes } from "node:crypto";
import t, { type Test } from "tap";
import { makeIssuerHttp } from "../../../runtime/adapters/issuers/issuer-http.ts";
import { makeTransitProvider } from "../../../runtime/adapters/keys/transit-provider.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { startVaultStandIn, type VaultStandIn } from "../../../runtime/testkit/vault-stand-in.ts";
import { holdToLaws } from "./provider-laws.ts";

const clock = systemClock;
const transport = { ca: null, client: null, plaintext: false };

async function start(t: Test, namespace?: string): Promise<VaultStandIn> {
  const wrapper = {
    "transit/encrypt/mayfly": ["update"],
    "transit/decrypt/mayfly": ["update"],
    "transit/keys/mayfly": ["read"],
    "transit/keys/mayfly/rotate": ["update"],
  } as const;
  const policies = { wrapper, onlyEncrypts: { "transit/encrypt/mayfly": ["update"] as const } };
  const vault = await startVaultStandIn({ clock, policies, ...(namespace === undefined ? {} : { namespace }) });
  t.teardown(() => vault.close());
  for (const key of ["mayfly", "other"]) {
    await fetch(`${vault.url}/v1/transit/keys/${key}`, {
      method: "POST",
      headers: {
        "x-vault-token": vault.rootToken,
        ...(namespace === undefined ? {} : { "x-vault-namespace": namespace }),
      },
      body: "{}",
    });
  }
  return vault;
}

function open(t: Test, vault: VaultStandIn, changes: { key?: string; token?: () => string; namespace?: string } = {}) {
  const own = vault.token(["default", "wrapper"]).id;
  const provider = makeTransitProvider({
    http: () => makeIssuerHttp({ transport, clientKey: null, nowMs: () => clock.nowMs() }),
    ...{ url: vault.url, mount: "transit", namespace: changes.namespace ?? null, key: changes.key ?? "mayfly" },
    token: changes.token ?? (() => own),
  });
  t.teardown(() => provider.close());
  return provider;
}

t.test("the key service", async (t) => {
  await holdToLaws(t, async (t) => {
    const vault = await start(t);
    return {
      provider: open(t, vault),
      again: () => open(t, vault),
      elsewhere: async () => open(t, vault, { key: "other", token: () => vault.rootToken }),
    };
  });
});

t.test("a token that was renewed in its file is read again when the old one is refused, and once only", async (t) => {
  const vault = await start(t);
  const first = vault.token(["default", "wrapper"]).id;
  let current = first;
  let reads = 0;
  const provider = open(t, vault, {
    token: () => {
      reads += 1;
      return current;
    },
  });
  const wrapped = await provider.wrap(randomBytes(32));
  current = vault.token(["default", "wrapper"]).id;
  await fetch(`${vault.url}/v1/auth/token/revoke-self`, { method: "POST", headers: { "x-vault-token": first } });
  t.equal((await provider.unwrap(wrapped)).length, 32);
  t.equal(reads, 2);
  current = "hvs.unknown";
  await fetch(`${vault.url}/v1/auth/token/revoke-self`, {
    method: "POST",
    headers: { "x-vault-token": vault.requests.at(-1)?.token ?? "" },
  });
  const asked = vault.requests.length;
  await t.rejects(provider.unwrap(wrapped), { code: "key_unavailable", found: /status 403/ });
  t.equal(vault.requests.length - asked, 2, "the old one and the new one, and no third time");
});

t.test(
  "a service that is sealed, busy, forbids, lies or answers garbage: an error that says so, without what was sent",
  async (t) => {
    const vault = await start(t);
    const provider = open(t, vault);
    const key = randomBytes(32);
    const wrapped = await provider.wrap(key);
    const plain = key.toString("base64");
    const fails = async (found: RegExp, name: string, act: () => Promise<unknown> = () => provider.wrap(key)) => {
      const error = await act().catch((thrown: unknown) => thrown);
      t.match(error, { code: "key_unavailable", found }, name);
      t.notOk((error as { describe(): string }).describe().includes(plain), name);
    };
    vault.seal(true);
    await fails(/503: "Vault is sealed"/, "sealed");
    vault.seal(false);
    vault.answerWith({ status: 429, headers: { "retry-after": "7" }, body: "{}" });
    await fails(/status 429/, "busy");
    vault.answerWith({ status: 200, body: "<html>" });
    await fails(/status 200/, "HTML");
    vault.answerWith({ status: 200, body: JSON.stringify({ data: { ciphertext: plain } }) });
    await fails(/another form/, "no ciphertext");
    vault.answerWith({ status: 200, body: JSON.stringify({ data: { ciphertext: `vault:v1:${plain}` } }) });
    await fails(/the data key itself/, "an echo");
    vault.answerWith({ status: 302, headers: { location: "http://127.0.0.1:1/" }, body: "" });
    await fails(/status 302/, "a redirect isn't followed with the token");
    vault.answerWith({ status: 200, body: "x".repeat(300_000) });
    await fails(/more than/, "a flood");
    vault.answerWith(undefined);
    const weak = open(t, vault, { token: () => vault.token(["onlyEncrypts"]).id });
    await fails(/403/, "may not decrypt", () => weak.unwrap(wrapped));
    await fails(/403/, "may not rotate", () => weak.rotate());
    await fails(/400.*not found/, "no such key", () =>
      open(t, vault, { key: "none", token: () => vault.rootToken }).wrap(key),
    );
    await vault.close();
    await fails(/no answer/, "down");
  },
);

t.test("a namespace is said with each request", async (t) => {
  const vault = await start(t, "team-a");
  const provider = open(t, vault, { namespace: "team-a" });
  t.equal((await provider.unwrap(await provider.wrap(randomBytes(32)))).length, 32);
  await t.rejects(open(t, vault).wrap(randomBytes(32)), { code: "key_unavailable" });
});
