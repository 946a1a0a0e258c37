import JSZip from "jszip";
import { defineJob } from "mayfly";

export default defineJob(async ({ files }) => {
  const zip = new JSZip();
  zip.file("readme.txt", "hello");
  zip.folder("data")?.file("numbers.json", JSON.stringify([1, 2, 3]));
  await files.write("/output/all.zip", await zip.generateAsync({ type: "uint8array", compression: "DEFLATE" }));
  const again = await JSZip.loadAsync(await files.read("/output/all.zip"));
  return {
    names: Object.keys(again.files),
    numbers: JSON.parse((await again.file("data/numbers.json")?.async("string")) ?? ""),
  };
});
