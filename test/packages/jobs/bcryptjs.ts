import bcrypt from "bcryptjs";
import { defineJob } from "mayfly";

export default defineJob(async () => {
  const hash = await bcrypt.hash("correct horse", "$2b$04$abcdefghijklmnopqrstuu");
  return {
    hash,
    right: await bcrypt.compare("correct horse", hash),
    wrong: await bcrypt.compare("battery", hash),
    rounds: bcrypt.getRounds(await bcrypt.hash("x", 5)),
  };
});
