// The issuer of client certificates, held to the contract with a real https server that reads its revocation list, and to
// openssl's and nginx's reading of what it signs.
import t from "tap";
import { issuerContract, issuerLaws } from "../../../runtime/testkit/issuer-contract.ts";
import { openUnderTest } from "./x509-world.ts";

t.test("the contract", async (t) => {
  await issuerContract(t, "x509", () => openUnderTest(t, t.testdir()));
});

t.test("the contract catches an issuer whose list stays as it is", async (t) => {
  const broken: string[] = [];
  for (const law of issuerLaws) {
    const under = await openUnderTest(t, t.testdir());
    under.issuer.revoke = async () => {};
    await law.hold(under).catch(() => broken.push(law.name));
    await under.close();
  }
  t.ok(broken.some((name) => name.startsWith("what it revokes is refused at the resource")));
  t.ok(broken.some((name) => name.startsWith("revoking twice and in parallel")));
});
