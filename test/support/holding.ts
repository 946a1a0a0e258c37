// Projects whose runs hold a credential: for stories about the process that keeps it for them.
import type { Test } from "tap";
import { openVaultWorld } from "../worlds/vault.ts";
import type { IssuerWorld } from "../worlds/world.ts";
import { configOf, eventually, ledgerOf, makeProject, mayfly, type Project } from "./cli.ts";

/** Jobs `holds` of a real `start`: each uses its credential once, and has it until it is ended. */
export function holdingProject(t: Test, world: IssuerWorld): Promise<Project> {
  const credential = JSON.stringify({ ...world.credential, issuer: "held", ttl: "2m", purpose: "test" });
  const identity = world.identity === undefined ? "" : "identity: { audiences: ['https://verifier.test'] },";
  const network = world.network === undefined ? "" : `network: ${JSON.stringify(world.network)},`;
  // More at once than wait ready: a run that finds none is launched, or fails, and isn't kept waiting for a place.
  const top = `scheduler: { concurrency: 8 }, issuers: { held: ${JSON.stringify(world.issuer)} },`;
  return makeProject(t, {
    config: configOf(
      { holds: `credential: ${credential}, ${network} ${identity} limits: { wall: "60s" },` },
      world.identity === undefined ? top : `identity: ${JSON.stringify(world.identity)}, ${top}`,
    ),
    jobs: {
      holds: `import { defineJob } from "mayfly";
        export default defineJob(async (c) => {
          const { fetch } = c;
          ${world.use}
          ${world.identity === undefined ? "" : 'await c.identity.token("https://verifier.test");'}
          c.log.info("holds");
          await new Promise((resolve) => c.signal.addEventListener("abort", resolve));
        });`,
    },
  });
}

/** The same at a Vault (a stand-in), where what was issued is known. */
export async function vaultProject(t: Test, issuer: (issuer: object) => object = (same) => same) {
  const world = await openVaultWorld();
  t.teardown(() => world.stop());
  const here = await holdingProject(t, { ...world, issuer: issuer(world.issuer) as IssuerWorld["issuer"] });
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
