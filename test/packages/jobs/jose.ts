import * as jose from "jose";
import { defineJob } from "mayfly";

export default defineJob(async () => {
  const { publicKey, privateKey } = await jose.generateKeyPair("ES256");
  const token = await new jose.SignJWT({ scope: "read" })
    .setProtectedHeader({ alg: "ES256" })
    .setAudience("orders")
    .setExpirationTime("5m")
    .sign(privateKey);
  const { payload } = await jose.jwtVerify(token, publicKey, { audience: "orders" });
  const wrong = await jose
    .jwtVerify(token, publicKey, { audience: "other" })
    .catch((error: jose.errors.JOSEError) => error.code);
  const secret = new Uint8Array(32).fill(7);
  const sealed = await new jose.CompactEncrypt(new TextEncoder().encode("hidden"))
    .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
    .encrypt(secret);
  const { plaintext } = await jose.compactDecrypt(sealed, secret);
  return { scope: payload.scope, wrong, plaintext: new TextDecoder().decode(plaintext) };
});
