// The stand-in for Vault is strict: a client that leans on more than is documented must fail here, or it would fail first
// at a real one.
import t, { type Test } from "tap";
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import { startVaultStandIn, type VaultStandInOptions } from "../../runtime/testkit/vault-stand-in.ts";

async function open(t: Test, options: Partial<VaultStandInOptions> = {}) {
  const vault = await startVaultStandIn({ clock: systemClock, ...options });
  t.teardown(() => vault.close());
  async function ask(method: string, path: string, body?: object, token = vault.rootToken, headers = {}) {
    const answer = await fetch(`${vault.url}/v1/${path}`, {
      method,
      headers: { "x-vault-token": token, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    // biome-ignore lint/suspicious/noExplicitAny: answers of all kinds are looked at
    return { status: answer.status, json: (text === "" ? {} : JSON.parse(text)) as any };
  }
  return { vault, ask };
}

const base64 = (text: string) => Buffer.from(text).toString("base64");

t.test("Transit: a ciphertext opens with its version, its data and its key, and is made new by rewrap", async (t) => {
  const { ask } = await open(t);
  t.equal((await ask("POST", "transit/encrypt/kek", { plaintext: base64("a") })).status, 400, "no key is made by use");
  t.match((await ask("POST", "transit/keys/kek", {})).json.data, { latest_version: 1, type: "aes256-gcm96" });
  const bound = { associated_data: base64("row 7") };
  const first = (await ask("POST", "transit/encrypt/kek", { plaintext: base64("a secret"), ...bound })).json.data;
  t.match(first, { ciphertext: /^vault:v1:/, key_version: 1 });
  const opened = await ask("POST", "transit/decrypt/kek", { ciphertext: first.ciphertext, ...bound });
  t.equal(opened.json.data.plaintext, base64("a secret"));
  for (const other of [{}, { associated_data: base64("row 8") }])
    t.equal((await ask("POST", "transit/decrypt/kek", { ciphertext: first.ciphertext, ...other })).status, 400);

  t.match((await ask("POST", "transit/keys/kek/rotate")).json.data, { latest_version: 2 });
  const again = (await ask("POST", "transit/rewrap/kek", { ciphertext: first.ciphertext, ...bound })).json.data;
  t.match(again, { ciphertext: /^vault:v2:/, key_version: 2 });
  await ask("POST", "transit/keys/kek/config", { min_decryption_version: 2 });
  t.equal((await ask("POST", "transit/decrypt/kek", { ciphertext: first.ciphertext, ...bound })).status, 400);
  t.equal((await ask("POST", "transit/decrypt/kek", { ciphertext: again.ciphertext, ...bound })).status, 200);
  t.equal((await ask("DELETE", "transit/keys/kek")).status, 400, "deletion must be allowed first");
  const pair = (await ask("POST", "transit/datakey/plaintext/kek")).json.data;
  const same = await ask("POST", "transit/decrypt/kek", { ciphertext: pair.ciphertext });
  t.equal(same.json.data.plaintext, pair.plaintext);
});

t.test("what no policy names is denied, and what is no route is none", async (t) => {
  const { vault, ask } = await open(t, { policies: { keys: { "transit/encrypt/kek": ["update"] } } });
  await ask("POST", "transit/keys/kek", {});
  const { id } = vault.token(["keys"]);
  const plaintext = base64("a");
  t.equal((await ask("POST", "transit/encrypt/kek", { plaintext }, id)).status, 200);
  t.equal((await ask("POST", "transit/encrypt/kek/", { plaintext }, id)).status, 403);
  t.equal((await ask("POST", "transit/decrypt/kek", { ciphertext: "vault:v1:x" }, id)).status, 403);
  t.equal((await ask("GET", "auth/token/accessors?list=true", undefined, id)).status, 403);
  t.equal((await ask("GET", "sys/nothing")).status, 404);
  t.equal((await ask("GET", "sys/leases/lookup")).status, 405);
  t.match((await ask("GET", "auth/token/lookup-self", undefined, "hvs.stranger")).json.errors[0], /invalid token/);
  t.equal((await ask("GET", "auth/token/lookup-self", undefined, id, { "x-vault-namespace": "team-a" })).status, 404);
});

t.test("a lease dies with its token, once the server comes to it; a wrapped answer is had once", async (t) => {
  const live = new Set<string>();
  const role = { ttlMs: 60_000, create: () => ({ password: "p1" }), drop: () => void live.delete("p1") };
  const { vault, ask } = await open(t, {
    dynamic: { "database/creds/readonly": role },
    policies: { readers: { "database/creds/readonly": ["read"] } },
  });
  const { id } = vault.token(["default", "readers"]);
  live.add("p1");
  const wrapped = await ask("GET", "database/creds/readonly", undefined, id, { "x-vault-wrap-ttl": "30" });
  t.notMatch(JSON.stringify(wrapped.json), /"password"/);
  const { token } = wrapped.json.wrap_info;
  const answer = await ask("POST", "sys/wrapping/unwrap", undefined, token);
  t.match(answer.json, { lease_id: /^database\/creds\/readonly\/./, data: { password: "p1" }, lease_duration: 60 });
  t.equal((await ask("POST", "sys/wrapping/unwrap", undefined, token)).status, 400);

  const shorter = await ask("POST", "sys/leases/renew", { lease_id: answer.json.lease_id, increment: 10 }, id);
  t.equal(shorter.json.lease_duration, 10);
  await vault.holdQueue(true);
  t.equal((await ask("POST", "auth/token/revoke-self", {}, id)).status, 204);
  t.equal((await ask("POST", "sys/leases/lookup", { lease_id: answer.json.lease_id })).status, 200);
  await vault.holdQueue(false);
  t.equal((await ask("POST", "sys/leases/lookup", { lease_id: answer.json.lease_id })).status, 400);
  t.equal(live.size, 0);
});

t.test("sealed, it answers nothing but its health", async (t) => {
  const { vault, ask } = await open(t);
  vault.seal(true);
  t.match(await ask("GET", "auth/token/lookup-self"), { status: 503, json: { errors: ["Vault is sealed"] } });
  t.match(await ask("GET", "sys/health"), { status: 503, json: { sealed: true } });
});
