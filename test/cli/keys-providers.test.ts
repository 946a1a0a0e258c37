// Keys that are kept elsewhere, through the whole runtime: in a hardware module, or in a service that may be away.
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import { makeSoftHsm, softHsmMissing } from "../../runtime/testkit/soft-hsm.ts";
import { startVaultStandIn } from "../../runtime/testkit/vault-stand-in.ts";
import { configOf, makeProject, mayfly } from "../support/cli.ts";
import { filesOf, jobs, keysOf, outputOf, report, reported, rotate } from "../support/keys.ts";

const hsmMissing = (await softHsmMissing()) ?? false;

t.test(
  "[CRED-26] from a file to a hardware module: what was sealed opens, and after a rotation the file is needed no more",
  { skip: hsmMissing },
  async (t) => {
    const hsm = makeSoftHsm();
    t.teardown(() => hsm.remove());
    const here = await makeProject(t, { config: configOf({ report: "" }), jobs });
    const id = await reported(t, here);
    const words = { provider: "pkcs11", module: hsm.module, token: hsm.token, pin: { env: "HSM_PIN" } };
    await here.write(
      "sandbox.config.ts",
      `import { defineConfig } from "mayfly";
    export default defineConfig(${configOf({ report: "" }, `keys: ${JSON.stringify(words)} as const,`)});`,
    );
    const options = { env: { ...hsm.env, HSM_PIN: hsm.pin } };
    t.match(
      await mayfly(t, here, ["run", "report"], { env: hsm.env }),
      { code: 0 },
      "until it is rotated the file still opens",
    );
    t.match(await outputOf(t, here, id, options), { code: 0, stdout: report });
    await rotate(t, here, options);
    const listed = await keysOf(t, here, options);
    t.match(listed, { provider: "pkcs11", data: [{ provider: "pkcs11" }, { provider: "pkcs11", seals: true }] });
    t.same(
      listed.wrapping.map(({ provider, wraps }) => [provider, wraps.length]),
      [
        ["file", 0],
        ["pkcs11", 2],
      ],
    );
    rmSync(join(here.state, "keys", "wrapping.json"));
    t.match(await outputOf(t, here, id, options), { code: 0, stdout: report });
    t.match(await outputOf(t, here, await reported(t, here, options), options), { code: 0, stdout: report });
    t.match(await mayfly(t, here, ["audit", "verify"], options), { code: 0, stdout: /unbroken/ });

    const noPin = await mayfly(t, here, ["run", "report"], { env: hsm.env });
    t.match(noPin, { code: 2, stderr: /PKCS#11 token of keys has no root credential: environment variable HSM_PIN/ });
    const wrong = await mayfly(t, here, ["run", "report"], { env: { ...hsm.env, HSM_PIN: "9999-wrong" } });
    t.match(wrong, { code: 2, stderr: /CKR_PIN_INCORRECT/ });
    t.notMatch(wrong.stderr, /9999/);
    t.match(await mayfly(t, here, ["runs"]), { code: 0, stdout: /succeeded/ }, "who only looks needs no token");
    await here.write(
      "sandbox.config.ts",
      `import { defineConfig } from "mayfly"; export default defineConfig(${configOf({ report: "" })});`,
    );
    t.match(await mayfly(t, here, ["run", "report"]), {
      code: 2,
      stderr: /wrapped by another provider[\s\S]*name the provider "pkcs11"/,
    });
  },
);

t.test(
  "[CRED-18] keys in a service that is away: nothing new begins, nothing is made anew, and runs can be looked at",
  async (t) => {
    const policies = {
      keys: {
        "transit/encrypt/mayfly": ["update"],
        "transit/decrypt/mayfly": ["update"],
        "transit/keys/mayfly": ["read"],
        "transit/keys/mayfly/rotate": ["update"],
      },
    } as const;
    const vault = await startVaultStandIn({ clock: systemClock, policies });
    t.teardown(() => vault.close());
    await fetch(`${vault.url}/v1/transit/keys/mayfly`, {
      method: "POST",
      headers: { "x-vault-token": vault.rootToken },
      body: "{}",
    });
    const words = { provider: "transit", url: vault.url, key: "mayfly", token: { file: "./token" } };
    const config = `import { defineConfig } from "mayfly"; export default defineConfig(${configOf({ report: "" }, `keys: ${JSON.stringify(words)} as const,`)});`;
    const here = await makeProject(t, { config, jobs });
    writeFileSync(join(here.directory, "token"), vault.token(["default", "keys"]).id, { mode: 0o600 });
    const id = await reported(t, here);
    t.notOk(existsSync(join(here.state, "keys", "wrapping.json")));
    await rotate(t, here);
    t.match(await keysOf(t, here), {
      provider: "transit",
      wrapping: [
        { id: "v1", wraps: { length: 0 } },
        { id: "v2", wraps: { length: 2 } },
      ],
    });
    t.match(await outputOf(t, here, id), { code: 0, stdout: report });
    vault.seal(true);
    const files = filesOf(here)
      .filter(([path]) => path.includes("/keys/"))
      .map(([path, bytes]) => [path, bytes.toString("hex")]);
    const refused = await mayfly(t, here, ["run", "report"]);
    t.match(refused, { code: 2, stderr: /key service at 127\.0\.0\.1[\s\S]*503: "Vault is sealed"/ });
    t.match(await mayfly(t, here, ["runs"]), { code: 0, stdout: /succeeded/ });
    t.match(await mayfly(t, here, ["run-show", id]), { code: 0, stdout: /deep\/report\.txt/ });
    t.same(
      filesOf(here)
        .filter(([path]) => path.includes("/keys/"))
        .map(([path, bytes]) => [path, bytes.toString("hex")]),
      files,
    );
    vault.seal(false);
    t.match(await mayfly(t, here, ["run", "report"]), { code: 0 });
  },
);
