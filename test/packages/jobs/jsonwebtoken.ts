import { generateKeyPairSync } from "node:crypto";
import jwt from "jsonwebtoken";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const token = jwt.sign({ sub: "ada" }, privateKey, { algorithm: "RS256", audience: "orders", expiresIn: "5m" });
  const verified = jwt.verify(token, publicKey, { algorithms: ["RS256"], audience: "orders" });
  let wrong = "";
  try {
    jwt.verify(jwt.sign({}, "secret", { algorithm: "HS256" }), "another");
  } catch (error) {
    wrong = (error as Error).message;
  }
  return { sub: verified.sub, wrong };
});
