// `mayfly keys` and what is sealed, through the whole runtime: what a rotation leaves open, what a copy of the state
// directory gives away, and what needs no key at all.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { testRun } from "../../runtime/testkit/test-run.ts";
import { configOf, ledgerOf, makeProject, mayfly } from "../support/cli.ts";
import { holding, vaultProject } from "../support/holding.ts";
import { filesOf, jobs, keysOf, outputOf, report, reported, rotate } from "../support/keys.ts";
import { keyStoreIn } from "../support/signing-keys.ts";
import { processesOf, startMayfly } from "../support/start.ts";

t.test(
  "after a rotation all that was sealed before opens, the chain holds, and the list says what each key wraps",
  async (t) => {
    const here = await makeProject(t, { config: configOf({ report: "" }), jobs });
    const id = await reported(t, here);
    const before = await keysOf(t, here);
    t.match(before, { provider: "file", wrapping: [{ provider: "file" }], data: [{ seals: true }], sealed: ["audit"] });
    const rotated = [await rotate(t, here), await rotate(t, here)];
    const after = await keysOf(t, here);
    t.same(
      after.wrapping.map(({ wraps }) => wraps.length),
      [0, 0, 3],
    );
    t.same(
      after.data.map(({ id }) => id),
      [before.data[0]?.id, ...rotated.map(({ data }) => data)],
    );
    t.ok(after.data.every(({ wrappedBy }) => wrappedBy === rotated[1]?.wrapping));
    t.match(await outputOf(t, here, id), { code: 0, stdout: report });
    t.match(await outputOf(t, here, await reported(t, here)), { code: 0, stdout: report });
    t.match(await mayfly(t, here, ["audit", "verify"]), { code: 0, stdout: /unbroken/ });
    const { store } = ledgerOf(here);
    const types = store.auditEntries(1, 1_000).map(({ event }) => event.type);
    await store.close();
    t.same(
      types.filter((type) => type.startsWith("keys.")),
      ["keys.rotating", "keys.rotated", "keys.rotating", "keys.rotated"],
    );
    const people = await mayfly(t, here, ["keys"]);
    t.match(people.stdout, /wrapping \(file\) .* wraps nothing\n[\s\S]*data .* seals and opens; wrapped by/);

    const saved = join(here.directory, "saved");
    t.equal((await mayfly(t, here, ["run-show", id, "--save", saved])).code, 0);
    t.equal(readFileSync(join(saved, "deep/report.txt"), "utf8"), report);
    t.match(await mayfly(t, here, ["run-show", id, "--output", "other"]), {
      code: 2,
      stderr: /one of: "deep\/report\.txt"/,
    });
  },
);

t.test(
  "[CRASH-01] keys rotated under a living lease, a kill -9, and its sealed handle still opens: recovery ends it",
  async (t) => {
    const { world, here, accepts } = await vaultProject(t);
    const first = await startMayfly(t, here, { env: world.env });
    const id = await holding(t, here);
    t.equal(await accepts(), true);
    const kid = (await keysOf(t, here)).signing.find(({ state }) => state === "active")?.kid;
    const { signing } = await rotate(t, here);
    t.notOk(signing.some((key) => key.kid === kid));
    t.equal(await accepts(), true, "a rotation ends no lease");
    const second = await holding(t, here);
    t.equal(await accepts(), true, "Vault has kept our keys, and knows the new one: it was published before it signed");
    await rotate(t, here);
    first.signal("SIGKILL");
    await first.ended;
    t.equal(await accepts(), true, "nobody has ended it");
    await startMayfly(t, here, { env: world.env });
    for (const secret of world.issued())
      t.equal(await world.accepts({ runId: id, secret }, { installation: "", directory: "" }), false);
    const { store } = ledgerOf(here);
    t.match([store.lease(id as never), store.lease(second as never)], [{ state: "revoked" }, { state: "revoked" }]);
    await store.close();
  },
);

t.test(
  "[CRED-16] [CRED-17] [CRED-26] a sealed root credential opens its issuer, and no file or process shows it, the lease or a key",
  async (t) => {
    const { world, here, accepts } = await vaultProject(t, (issuer) => ({
      ...issuer,
      management: { sealed: "vault-root" },
    }));
    const root = world.env.WORLD_VAULT_TOKEN ?? "";
    const missing = await mayfly(t, here, ["run", "holds"]);
    t.match(missing, { code: 2, stderr: /sealed credential vault-root[\s\S]*mayfly keys import vault-root/ });
    t.match(await mayfly(t, here, ["check"]), {
      code: 0,
      stderr: /absent issuers\.held\.management {2}sealed credential vault-root/,
    });
    const imported = await mayfly(t, here, ["keys", "import", "vault-root"], { input: `${root}\n` });
    t.match(imported, { code: 0, stdout: "", stderr: /sealed as vault-root/ });
    t.match(await mayfly(t, here, ["keys", "import", "vault-root"]), { code: 2, stderr: /nothing to import/ });
    t.match(await mayfly(t, here, ["keys", "import", "../x"], { input: root }), {
      code: 2,
      stderr: /can't have that name/,
    });
    t.match(await mayfly(t, here, ["check"]), { code: 0, stderr: /ok {5}issuers\.held\.management/ });

    const started = await startMayfly(t, here);
    const id = await holding(t, here);
    t.equal(await accepts(), true);
    const store = keyStoreIn(join(here.state, "keys"));
    const text = async (name: string) => new TextDecoder().decode(await store.read(name));
    const [signing = ""] = (await store.names()).filter((name) => name.startsWith("jwt-"));
    const keys: { jwk: { d: string } }[] = JSON.parse(await text(signing)).keys;
    const secrets = [root, ...world.issued(), ...keys.map(({ jwk }) => jwk.d)];
    t.equal(await text("root-vault-root"), root, "it is there, for who has the keys");
    const forms = secrets.flatMap((secret) => [
      secret,
      Buffer.from(secret).toString("base64"),
      Buffer.from(secret).toString("hex"),
    ]);
    forms.push(
      ...[await store.read("audit"), ...keys.map(({ jwk }) => Buffer.from(jwk.d, "base64url"))].map((key) =>
        Buffer.from(key ?? "").toString("latin1"),
      ),
    );

    const look = (name: string, bytes: Buffer) => {
      const shown = forms.filter((form) => bytes.includes(Buffer.from(form, "latin1")));
      t.equal(shown.length, 0, `${name} shows ${shown.length} of ${forms.length}`);
    };
    const processes = [started.pid, ...processesOf(here)];
    t.ok(processes.length > 1, "executors too");
    for (const pid of processes) {
      for (const name of ["cmdline", "environ", "comm"]) {
        const path = `/proc/${pid}/${name}`;
        if (existsSync(path)) look(path, readFileSync(path));
      }
    }
    const files = filesOf(here);
    t.ok(
      files.some(([path]) => path.endsWith("ledger.db-wal")),
      "the ledger's journal too",
    );
    for (const [path, bytes] of files) look(path, bytes);
    await started.client.kill(id);
    await started.signal("SIGTERM");
    await started.ended;
    for (const [path, bytes] of filesOf(here)) look(path, bytes);
    t.equal(await accepts(), false);

    const planted = join(here.state, "planted");
    writeFileSync(planted, `{"token":"${root}"}`);
    const seen = forms.filter((form) => readFileSync(planted).includes(Buffer.from(form, "latin1")));
    t.equal(seen.length, 1, "the same look finds one that lies there");
  },
);

t.test(
  "`check` says of each root credential where it is, and fails for one that others can read (OPS-05)",
  async (t) => {
    const issuers = `issuers: {
    one: issuers.postgres({ url: { env: "ONE_URL" } }), two: issuers.postgres({ url: { file: "./two" } }), three: issuers.postgres({ url: { file: "./three" } }) },`;
    const here = await makeProject(t, { config: configOf({ report: "" }, issuers), jobs });
    await here.write("two", "postgres://canary-two");
    const run = () => mayfly(t, here, ["check", "--json"], { env: { ONE_URL: "postgres://canary-one" } });
    const refused = await run();
    t.match(refused, { code: 2, stderr: /failed issuers\.two\.url.*mode 0644, needed mode 0600[\s\S]*chmod 600/ });
    t.match(JSON.parse(refused.stdout).credentials, [
      { key: "issuers.one.url", place: "environment variable ONE_URL", state: "there" },
      { key: "issuers.two.url", state: "refused", detail: /mode 0644/ },
      { key: "issuers.three.url", state: "missing", next: /0600/ },
    ]);
    t.notMatch(refused.stdout + refused.stderr, /canary/);
    rmSync(join(here.directory, "two"));
    writeFileSync(join(here.directory, "two"), "postgres://canary-two", { mode: 0o600 });
    t.match(await run(), { code: 0, stderr: /ok {5}issuers\.two\.url/ });
    t.notOk(existsSync(here.state), "looking makes nothing");
  },
);

t.test("[CRASH-08] without its audit key a log is not continued with another, and can still be read", async (t) => {
  const here = await makeProject(t, { config: configOf({ report: "" }), jobs });
  await reported(t, here);
  rmSync(join(here.state, "keys", "audit.sealed"));
  t.match(await mayfly(t, here, ["run", "report"]), {
    code: 2,
    stderr: /key_unavailable[\s\S]*key is gone|key is gone[\s\S]*key_unavailable/,
  });
  t.match(await mayfly(t, here, ["runs"]), { code: 0, stdout: /succeeded/ });
  t.notOk(existsSync(join(here.state, "keys", "audit.sealed")));
});

t.test("an audit key that lay in the clear is sealed and destroyed, and the chain goes on", async (t) => {
  const here = await makeProject(t, { config: configOf({ report: "" }), jobs });
  await reported(t, here);
  const key = await keyStoreIn(join(here.state, "keys")).read("audit");
  const [sealed, plain] = ["audit.sealed", "audit.key"].map((name) => join(here.state, "keys", name)) as [
    string,
    string,
  ];
  rmSync(sealed);
  writeFileSync(plain, key ?? "", { mode: 0o600 }); // as an earlier version had it
  await reported(t, here);
  t.notOk(existsSync(plain));
  t.match(await mayfly(t, here, ["audit", "verify"]), { code: 0, stdout: /unbroken/ });
  writeFileSync(plain, Buffer.alloc(32, 7), { mode: 0o600 });
  t.match(await mayfly(t, here, ["run", "report"]), { code: 2, stderr: /another key than the sealed one/ });
  t.ok(existsSync(plain), "evidence isn't destroyed");
});

t.test("an author's test of a job needs neither the module nor the service that the config names", async (t) => {
  const words = { provider: "pkcs11", module: "/nonexistent.so", token: "none", pin: { env: "NO_PIN" } };
  const audience = "https://verifier.test";
  const job = `identity: { audiences: ["${audience}"] }`;
  const here = await makeProject(t, {
    config: `import { defineConfig } from "mayfly";
      export default defineConfig(${configOf({ says: job }, `keys: ${JSON.stringify(words)} as const,`)});`,
    jobs: {
      says: `import { defineJob } from "mayfly";
        export default defineJob(async (c) => { await c.files.write("/output/a", "b"); return c.identity.token("${audience}"); });`,
    },
  });
  const { state, result, outputs } = await testRun("says", { config: join(here.directory, "sandbox.config.ts") });
  t.equal(state, "succeeded");
  t.match(result, /^ey/);
  t.equal(Buffer.from(outputs.get("a") ?? []).toString(), "b");
});
