// A supervisor to be killed: opens the issuer of its parent's world, and runs a program at the host that goes on for ever.
import { makeSshIssuer, type SshIssuerParts } from "../../../runtime/adapters/issuers/ssh.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { makeMemoryTokenRegistry } from "../../../runtime/testkit/memory-token-registry.ts";
import { keyStoreIn } from "../../support/signing-keys.ts";
import { exec, issue } from "./ssh-world.ts";

interface Order extends Pick<SshIssuerParts, "places" | "host" | "programs"> {
  directory: string;
  published: string;
  user: string;
  run: string;
}

process.once("message", async ({ directory, published, user, run, ...order }: Order) => {
  const parts: SshIssuerParts = {
    ...order,
    ...{ name: "ops", installation: "0a1b2c3d", keys: keyStoreIn(directory), directory: published },
    commands: new Map([["hold", { run, principal: "ops", user }]]),
    ...{ sourceAddresses: [], registry: makeMemoryTokenRegistry(), clock: systemClock, random: systemRandom },
  };
  const issuer = await makeSshIssuer(parts);
  const { lease, secret } = await issue({ issuer, parts }, ["hold"]);
  await exec({ issuer }, lease, secret, { timeMs: 600_000 });
});
