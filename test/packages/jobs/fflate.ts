import { gunzipSync, gzipSync, strFromU8, strToU8, unzipSync, zipSync } from "fflate";
import { defineJob } from "mayfly";

export default defineJob(async ({ files }) => {
  const text = "tea and jam ".repeat(1_000);
  await files.write("/output/all.zip", zipSync({ "a.txt": strToU8(text), dir: { "b.txt": strToU8("b") } }));
  const entries = unzipSync(await files.read("/output/all.zip"));
  const packed = gzipSync(strToU8(text), { mtime: 0 });
  return {
    names: Object.keys(entries).sort(),
    same: strFromU8(entries["a.txt"] ?? new Uint8Array()) === text,
    small: packed.length < 200,
    unpacked: strFromU8(gunzipSync(packed)).length,
  };
});
