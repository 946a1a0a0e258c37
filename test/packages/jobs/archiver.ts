import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { ZipArchive } from "archiver";
import JSZip from "jszip";
import { defineJob } from "mayfly";

export default defineJob(async () => {
  const archive = new ZipArchive({ zlib: { level: 9 } });
  const out = new PassThrough();
  archive.pipe(out);
  archive.append("hello", { name: "readme.txt" });
  archive.append(Buffer.alloc(10_000, "x"), { name: "data/x.bin" });
  const whole = buffer(out);
  await archive.finalize();
  const zip = await JSZip.loadAsync(await whole);
  return {
    bytes: (await zip.file("data/x.bin")?.async("uint8array"))?.length,
    small: (await whole).length < 1_000,
    text: await zip.file("readme.txt")?.async("string"),
  };
});
