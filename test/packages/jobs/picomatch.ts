import { defineJob } from "mayfly";
import picomatch from "picomatch";

export default defineJob(() => {
  const isWanted = picomatch("src/**/*.{ts,tsx}", { ignore: "**/*.test.ts" });
  return ["src/a.ts", "src/deep/b.tsx", "src/a.test.ts", "lib/a.ts"].filter((path) => isWanted(path));
});
