// The OAuth issuer at a real server, in both modes, held to the contract.
import t from "tap";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import type { LeaseRef } from "../../../runtime/ports/credential-issuer.ts";
import { startFaultyProxy } from "../../../runtime/testkit/faulty-proxy.ts";
import { type IssuerUnderTest, issuerContract, issuerLaws } from "../../../runtime/testkit/issuer-contract.ts";
import { openIssuer } from "../../support/oauth-issuers.ts";
import { startOidcServer, tryAtResource } from "../../support/oidc-server.ts";

async function openUnderTest(mode: "registration" | "token"): Promise<IssuerUnderTest> {
  let proxy: Awaited<ReturnType<typeof startFaultyProxy>> | undefined;
  const server = await startOidcServer({
    async behind(port) {
      proxy = await startFaultyProxy({ port, speaks: "http" });
      return proxy.port;
    },
  });
  const changes = mode === "token" ? { mode: { kind: mode } } : {};
  const issuer = await openIssuer(server, changes);
  return {
    issuer,
    scope: ["orders:read"],
    scopesRefused: [
      ["a b"],
      ["orders:read", "orders:read"],
      ["orders:*"],
      ["x,y"],
      ["a\n"],
      ['a"b'],
      ["a\\b"],
      ["é"],
      [""],
      ["offline_access"],
      ["x".repeat(257)],
      Array.from({ length: 65 }, (_, index) => `s${index}`),
    ],
    nowMs: () => systemClock.nowMs(),
    tryAtResource: (_lease: LeaseRef, secret: string) => tryAtResource(server, secret),
    elsewhere: () => openIssuer(server, { ...changes, installation: "ffffffff" }),
    takeDown: () => server.stop(),
    misbehave: (how) => proxy?.behave(how),
    cannotSweep: "OAuth has no list of tokens or clients: the handles of leases find them",
    ...(mode === "token" ? { cannotEndLost: "a token that nobody heard of can't be named to its server" } : {}),
    async close() {
      await issuer.close();
      await proxy?.close();
      await server.stop();
    },
  };
}

for (const mode of ["registration", "token"] as const) {
  t.test(`[CRED-06] [CRED-18] [CRED-21] [CRED-22] the contract, in mode ${mode}`, async (t) => {
    await issuerContract(t, `oauth ${mode}`, () => openUnderTest(mode));
  });
}

t.test("the contract catches an issuer that doesn't revoke", async (t) => {
  for (const mode of ["registration", "token"] as const) {
    const law = issuerLaws.find(({ name }) => name.startsWith("what it revokes is refused at the resource"));
    const under = await openUnderTest(mode);
    under.issuer.revoke = async () => {};
    await t.rejects(async () => law?.hold(under), mode);
    await under.close();
  }
});
