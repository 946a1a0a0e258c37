// `npm run ambient`: writes the declarations of runtime/ambient that come from tables. A test says when they are old.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { declarations } from "./ambient/declarations.ts";

for (const [path, text] of declarations()) {
  writeFileSync(fileURLToPath(new URL(`../runtime/ambient/${path}`, import.meta.url)), text);
}
