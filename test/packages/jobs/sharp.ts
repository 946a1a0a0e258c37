import { defineJob } from "mayfly";
import sharp from "sharp";

export default defineJob(() =>
  sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } })
    .png()
    .toBuffer(),
);
