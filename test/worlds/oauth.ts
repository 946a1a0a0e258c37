// Access tokens of a real OAuth 2 server, in both modes. The thief shows them to a resource that asks the server about each.
import { startOidcServer, tryAtResource } from "../support/oidc-server.ts";
import type { IssuerWorld } from "./world.ts";

export const openOauthWorld = () => openWorld("registration");
export const openOauthTokenWorld = () => openWorld("token");

async function openWorld(mode: "registration" | "token"): Promise<IssuerWorld> {
  const server = await startOidcServer();
  const { host } = new URL(server.resource);
  return {
    kind: mode === "token" ? "oauth-token" : "oauth",
    checks: "introspection, at each request",
    issuer: {
      ...{ kind: "oauth", server: server.url, client: { id: "mayfly", secret: { env: "WORLD_OAUTH_SECRET" } }, mode },
      ...(mode === "registration" ? { initialToken: { env: "WORLD_OAUTH_INITIAL" } } : {}),
      tokenLife: "50s",
    },
    credential: { scope: ["orders:read"], hosts: [host] },
    network: { allow: [`GET ${server.resource}`], privateAddresses: ["127.0.0.0/8"] },
    env: { WORLD_OAUTH_SECRET: server.secret, WORLD_OAUTH_INITIAL: server.initialToken },
    use: `
      const answer = await fetch("${server.resource}", { headers: { authorization: "Bearer " + (await c.credential.fetch()) } });
      if (answer.status !== 200) throw new Error("the resource said " + answer.status);
    `,
    accepts: async ({ secret }) => (await tryAtResource(server, secret)) === "accepted",
    stop: () => server.stop(),
  };
}
