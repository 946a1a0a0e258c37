import { decode, encode } from "@msgpack/msgpack";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const value = { id: 7, tags: ["a", "ü"], at: new Date(1_000), raw: new Uint8Array([1, 2]), none: null };
  const bytes = encode(value);
  const again = decode(bytes) as typeof value;
  return { bytes: bytes.length, tags: again.tags, at: again.at, raw: [...again.raw] };
});
