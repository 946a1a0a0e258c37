import chroma from "chroma-js";
import { defineJob } from "mayfly";

export default defineJob(() => ({
  darker: chroma("hotpink").darken().hex(),
  scale: chroma.scale(["white", "navy"]).mode("lab").colors(3),
  contrast: Math.round(chroma.contrast("white", "navy") * 10) / 10,
}));
