// A project whose runs hold a credential of a Vault (a stand-in): for stories about the process that keeps it for them.
import type { Test } from "tap";
import { openVaultWorld } from "../worlds/vault.ts";
import { configOf, eventually, ledgerOf, makeProject, mayfly, type Project } from "./cli.ts";

/** Jobs `holds` of a real `start`: each has a sealed credential and holds it until it is ended. What was issued is known here. */
export async function vaultProject(t: Test, issuer: (issuer: object) => object = (same) => same) {
  const world = await openVaultWorld();
  t.teardown(() => world.stop());
  const credential = JSON.stringify({ ...world.credential, issuer: "warehouse", ttl: "2m", purpose: "test" });
  const identity = "identity: { audiences: ['https://verifier.test'] },";
  const top = `identity: ${JSON.stringify(world.identity)}, issuers: { warehouse: ${JSON.stringify(issuer(world.issuer))} },`;
  const here = await makeProject(t, {
    config: configOf(
      {
        holds: `credential: ${credential}, network: ${JSON.stringify(world.network)}, ${identity} limits: { wall: "60s" },`,
      },
      top,
    ),
    jobs: {
      holds: `import { defineJob } from "mayfly";
        export default defineJob(async (c) => {
          const { fetch } = c;
          ${world.use}
          await c.identity.token("https://verifier.test");
          c.log.info("holds");
          await new Promise((resolve) => c.signal.addEventListener("abort", resolve));
        });`,
    },
  });
  const accepts = () =>
    world.accepts({ runId: "", secret: world.issued().at(-1) ?? "" }, { installation: "", directory: "" });
  return { world, here, accepts };
}

/** Submits one, and waits until it has used its credential. @returns the run's id */
export async function holding(t: Test, here: Project): Promise<string> {
  const { stdout } = await mayfly(t, here, ["submit", "holds"]);
  const { store, archive } = ledgerOf(here);
  await store.close();
  await eventually(async () => (await archive.logLines(stdout.trim())).find(({ text }) => text === "holds"));
  return stdout.trim();
}
