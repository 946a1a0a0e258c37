// The SSH issuer with a real sshd: the contract, and what hosts do beyond it.
import { existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { makeSshIssuer } from "../../../runtime/adapters/issuers/ssh.ts";
import { isRunning, readStat } from "../../../runtime/adapters/system/proc.ts";
import type { LeaseRef } from "../../../runtime/ports/credential-issuer.ts";
import { issuerContract, issuerLaws } from "../../../runtime/testkit/issuer-contract.ts";
import { makeMemoryTokenRegistry } from "../../../runtime/testkit/memory-token-registry.ts";
import { trySshLogin } from "../../../runtime/testkit/ssh-server.ts";
import { eventually } from "../../support/cli.ts";
import { keyStoreIn } from "../../support/signing-keys.ts";
import { exec, needsSshd, openWorld, placesIn, type SshWorld } from "./ssh-world.ts";

async function openUnderTest() {
  const world = await openWorld();
  const { issuer, parts, server, registry, directory } = world;
  return {
    issuer,
    scope: ["hello"],
    scopesRefused: [["hello", "shell"], ["hell"], ["hello "], ["*"], ["__proto__"], ["constructor"], ["hello,shell"]],
    nowMs: () => parts.clock.nowMs(),
    async tryAtResource(_lease: LeaseRef, secret: string) {
      const { outcome, stderr } = await trySshLogin(server, secret);
      if (outcome === "silent") throw new Error(`no answer: ${stderr}`);
      return outcome;
    },
    elsewhere: () => {
      const other = mkdtempSync(join(directory, "o-"));
      return makeSshIssuer({
        ...parts,
        keys: keyStoreIn(other),
        registry: makeMemoryTokenRegistry(),
        directory: join(other, "published"),
        places: placesIn(other),
      });
    },
    async takeDown() {
      registry.fail();
      await server.stop();
    },
    close: () => world.close(),
  };
}

t.test("the contract", needsSshd, async (t) => {
  await issuerContract(t, "ssh", openUnderTest);
});

/** A session of ours, at the host: the process that sshd made for it. */
async function holdSession(world: SshWorld, lease: LeaseRef, secret: string) {
  const file = join(world.directory, "held");
  const ended = exec(world, lease, secret).then(
    () => undefined,
    (error: unknown) => error,
  );
  const pid = await eventually(() => {
    const text = existsSync(file) ? readFileSync(file, "utf8") : "";
    return text.endsWith("\n") ? Number(text) : undefined;
  });
  const startTicks = readStat(pid)?.startTicks ?? 0;
  return { ended, isThere: () => isRunning(pid, startTicks) };
}

t.test("[CRED-06] a session of ours that was opened before is cut by the revocation", needsSshd, async (t) => {
  const law = issuerLaws.find(({ name }) => name.startsWith("a session that was opened before"));
  const world = await openWorld();
  t.teardown(() => world.close());
  const under = await openUnderTest();
  t.teardown(() => under.close());
  await law?.hold({
    ...under,
    issuer: world.issuer,
    scope: ["hold"],
    async openSession(lease, secret) {
      const { ended, isThere } = await holdSession(world, lease, secret);
      let over = false;
      void ended.then(() => {
        over = true;
      });
      return async () => {
        if (over) await eventually(() => (isThere() ? undefined : true)); // sshd takes a moment to notice
        return isThere() ? "accepted" : "refused";
      };
    },
  });
  t.strictSame(
    readdirSync(world.parts.places).flatMap((name) => readdirSync(join(world.parts.places, name))),
    [],
  );
});
