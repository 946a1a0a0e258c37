// A SecretBox that encrypts nothing, for worlds in memory whose subject is something else. It holds its purpose all the same.
import type { SecretBox } from "../ports/secret-box.ts";

export const openBox: SecretBox = {
  seal: async (purpose, plain) => new Uint8Array(Buffer.concat([Buffer.from(`${purpose}\0`), plain])),
  async open(purpose, sealed) {
    const text = Buffer.from(sealed);
    if (!text.toString("latin1").startsWith(`${purpose}\0`)) throw new Error("sealed for another purpose");
    return new Uint8Array(text.subarray(Buffer.byteLength(purpose) + 1));
  },
};
