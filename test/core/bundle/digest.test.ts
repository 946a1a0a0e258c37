import t from "tap";
import { digestOf, verifiedDigest } from "../../../runtime/core/bundle/digest.ts";

const code = new TextEncoder().encode("abc");
// NIST's example for SHA-256.
const digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

t.test("a digest that is not the bytes' own", async (t) => {
  t.equal(digestOf(code), digest);
  t.equal(verifiedDigest({ code, digest }), digest);
});

t.test("one bit that changed between bundling and launch", async (t) => {
  const changed = Uint8Array.from(code);
  changed[0] = 0x60;
  t.throws(() => verifiedDigest({ code: changed, digest }), { code: "internal", needed: digest });
});
