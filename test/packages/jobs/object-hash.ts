import { defineJob } from "mayfly";
import hash from "object-hash";

export default defineJob(() => ({
  ordered: hash({ a: 1, b: [2, new Date(0)] }) === hash({ b: [2, new Date(0)], a: 1 }),
  sha256: hash({ a: 1 }, { algorithm: "sha256" }),
}));
