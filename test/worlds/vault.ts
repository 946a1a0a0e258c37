// Passwords that a stand-in for Vault gives to runs which show who they are, and a resource that takes those which live. No
// Vault can be had here.
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createRemoteJWKSet } from "jose";
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import { startVaultStandIn } from "../../runtime/testkit/vault-stand-in.ts";
import { leasePolicy, managementPolicy, path } from "../adapters/issuers/vault-world.ts";
import { freePort } from "../crash/random.ts";
import type { IssuerWorld } from "./world.ts";

const audience = "https://vault.test";

/** With every password that was ever given. */
export async function openVaultWorld(): Promise<IssuerWorld & { issued(): string[] }> {
  const live = new Set<string>();
  const given: string[] = [];
  const listen = `127.0.0.1:${await freePort()}`;
  const issuer = `http://${listen}`;
  const vault = await startVaultStandIn({
    clock: systemClock,
    policies: { readers: { [path]: ["read"], ...leasePolicy }, managers: managementPolicy },
    jwt: {
      ...{ mount: "jwt", issuer, keys: createRemoteJWKSet(new URL(`${issuer}/jwks`)) },
      roles: { mayfly: { audience, policies: ["readers"], ttlMs: 3_600_000 } },
    },
    dynamic: {
      [path]: {
        ttlMs: 3_600_000,
        create() {
          const password = randomBytes(18).toString("base64url");
          live.add(password);
          given.push(password);
          return { username: "v-reader", password };
        },
        drop: ({ password = "" }) => void live.delete(password),
      },
    },
  });
  const resource = createServer((request, response) => {
    const password = (request.headers.authorization ?? "").replace("Bearer ", "");
    response.writeHead(live.has(password) ? 200 : 401).end();
  });
  await new Promise<void>((resolve) => resource.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(resource.address() as AddressInfo).port}`;
  return {
    kind: "vault",
    checks: "the password, at each request (stand-in)",
    issued: () => given,
    issuer: {
      ...{ kind: "vault", url: vault.url, login: { role: "mayfly", audience } },
      ...{ credentials: { [path]: { secret: "password" } }, management: { env: "WORLD_VAULT_TOKEN" }, wrap: "30s" },
    },
    credential: { scope: [path], hosts: [host] },
    network: { allow: [`GET http://${host}/*`] },
    identity: { listen },
    env: { WORLD_VAULT_TOKEN: vault.token(["managers"]).id },
    use: `
      const answer = await fetch("http://${host}/", { headers: { authorization: "Bearer " + (await c.credential.fetch()) } });
      if (answer.status !== 200) throw new Error("the resource said " + answer.status);
    `,
    accepts: async ({ secret }) => {
      const answer = await fetch(`http://${host}/`, { headers: { authorization: `Bearer ${secret}` } });
      return answer.status === 200;
    },
    async stop() {
      await vault.close();
      resource.closeAllConnections();
      await new Promise((resolve) => resource.close(resolve));
    },
  };
}
