// A credential of Vault's through the whole runtime: the run shows who it is, Vault verifies that by our own discovery, and when
// the run is over neither password nor token is left. Vault is the stand-in.
import t from "tap";
import { configOf, ledgerOf, makeProject, mayfly, recordOf } from "../support/cli.ts";
import { openVaultWorld } from "../worlds/vault.ts";

t.test("[CRED-06] sealed: the password is in the request and nowhere else, and dead after the run", async (t) => {
  const world = await openVaultWorld();
  t.teardown(() => world.stop());
  const credential = JSON.stringify({ ...world.credential, issuer: "warehouse", ttl: "1m", purpose: "test" });
  const top = `identity: ${JSON.stringify(world.identity)}, issuers: { warehouse: ${JSON.stringify(world.issuer)} },`;
  const project = await makeProject(t, {
    config: configOf({ use: `credential: ${credential}, network: ${JSON.stringify(world.network)}` }, top),
    jobs: { use: `const c = { credential }; ${world.use} return await credential.fetch();` },
  });
  const ended = await mayfly(t, project, ["run", "use", "--json"], { env: world.env });
  t.equal(ended.code, 0, ended.stderr);
  const record = recordOf(ended);
  t.match(record.result, /^mayfly-sealed-/);
  t.match(record, { lease: { state: "revoked", proof: "accessor: invalid; lease: invalid" } });
  const [password = ""] = world.issued();
  t.equal(await world.accepts({ runId: record.id, secret: password }, { installation: "", directory: "" }), false);
  const { store } = ledgerOf(project);
  const kept =
    JSON.stringify([store.auditEntries(1, 1_000), store.lease(record.id as never)]) + ended.stdout + ended.stderr;
  await store.close();
  for (const secret of [password, world.env.WORLD_VAULT_TOKEN ?? ""]) t.notOk(secret === "" || kept.includes(secret));
});
