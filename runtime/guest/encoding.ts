// TextEncoder and TextDecoder (https://encoding.spec.whatwg.org/), without the legacy multi-byte encodings. Also handed
// to the guest's own packages while it is built, since the isolate has none when they are evaluated.
import { TextDecoder, TextEncoder } from "@exodus/bytes/encoding-lite.js";

export { TextDecoder, TextEncoder };

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true });

export function encodeUtf8(text: string): Uint8Array {
  return utf8Encoder.encode(text);
}

export function decodeUtf8(bytes: Uint8Array): string {
  return utf8Decoder.decode(bytes);
}

/** @throws TypeError for bytes that are no UTF-8. */
export function decodeStrictUtf8(bytes: Uint8Array): string {
  return strictDecoder.decode(bytes);
}
