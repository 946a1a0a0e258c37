import { defineJob } from "mayfly";
import { minify } from "terser";

export default defineJob(async () => {
  const { code } = await minify(
    "function add(first, second) { const sum = first + second; if (false) { console.log('never'); } return sum; } export { add };",
    { module: true },
  );
  return code;
});
