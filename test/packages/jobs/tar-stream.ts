import { text } from "node:stream/consumers";
import { createGunzip, createGzip } from "node:zlib";
import { defineJob } from "mayfly";
import tar from "tar-stream";

export default defineJob(async () => {
  const pack = tar.pack();
  pack.entry({ name: "a.txt", mtime: new Date(0) }, "first");
  pack.entry({ name: "dir/b.txt", mtime: new Date(0) }, "second");
  pack.finalize();
  const found: Record<string, string> = {};
  for await (const entry of pack.pipe(createGzip()).pipe(createGunzip()).pipe(tar.extract()))
    found[entry.header.name] = await text(entry);
  return found;
});
