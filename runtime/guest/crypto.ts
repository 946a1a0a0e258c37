// crypto.getRandomValues and randomUUID, from the executor's generator. Keys and the rest of WebCrypto come with the
// full web API.
import { DOMException } from "./events.ts";
import { tell } from "./mailbox.ts";

const bytesMax = 65_536; // https://w3c.github.io/webcrypto/#Crypto-method-getRandomValues

function random(count: number): Uint8Array {
  const text = tell("random", String(count)) ?? "";
  const bytes = new Uint8Array(count);
  for (let index = 0; index < count; index += 1) bytes[index] = text.charCodeAt(index);
  return bytes;
}

export const crypto = Object.freeze({
  getRandomValues<T extends ArrayBufferView>(view: T): T {
    if (
      !ArrayBuffer.isView(view) ||
      view instanceof DataView ||
      view instanceof Float32Array ||
      view instanceof Float64Array
    ) {
      throw new DOMException("getRandomValues takes an integer typed array.", "TypeMismatchError");
    }
    if (view.byteLength > bytesMax) {
      throw new DOMException(
        `getRandomValues gives at most ${bytesMax} bytes, asked for ${view.byteLength}.`,
        "QuotaExceededError",
      );
    }
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(random(view.byteLength));
    return view;
  },
  /** RFC 9562, version 4. */
  randomUUID(): string {
    const bytes = random(16);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    let hex = "";
    for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  },
});
