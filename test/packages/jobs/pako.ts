import { defineJob } from "mayfly";
import * as pako from "pako";

export default defineJob(async () => {
  const text = "tea and jam ".repeat(1_000);
  const packed = pako.gzip(text);
  // The web's own stream unpacks what the package packed.
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return {
    small: packed.length < 200,
    text: (await new Response(stream).text()) === text,
    raw: new TextDecoder().decode(pako.inflateRaw(pako.deflateRaw("raw"))),
  };
});
