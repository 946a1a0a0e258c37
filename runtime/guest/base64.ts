// atob and btoa (https://infra.spec.whatwg.org/#forgiving-base64).
import { fromBase64, toBase64 } from "@exodus/bytes/base64.js";
import { DOMException } from "./dom-exception.ts";
import { bytesToString } from "./mailbox.ts";

export function btoa(data: unknown): string {
  const text = String(data);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit > 255) throw new DOMException("The string has a character above U+00FF.", "InvalidCharacterError");
    bytes[index] = unit;
  }
  return toBase64(bytes);
}

export function atob(data: unknown): string {
  const text = String(data).replace(/[\t\n\f\r ]+/g, "");
  const unpadded = text.length % 4 === 0 ? text.replace(/={1,2}$/, "") : text;
  if (unpadded.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(unpadded)) {
    throw new DOMException("The string is not correctly encoded.", "InvalidCharacterError");
  }
  // Bits behind the last byte are ignored by this algorithm and refused by strict decoders: clear them.
  const spare = { 2: "AQgw", 3: "AEIMQUYcgkosw048" }[unpadded.length % 4];
  const last = unpadded.at(-1) ?? "";
  const clean =
    spare === undefined || spare.includes(last)
      ? unpadded
      : unpadded.slice(0, -1) + clearSpareBits(last, unpadded.length % 4);
  return bytesToString(fromBase64(clean, { padding: "both" }));
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function clearSpareBits(character: string, rest: number): string {
  const mask = rest === 2 ? 0b110000 : 0b111100;
  return alphabet[alphabet.indexOf(character) & mask] ?? "A";
}
