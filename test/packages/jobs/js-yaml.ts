import { dump, load } from "js-yaml";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const read = load("at: 2026-11-26\nlist:\n  - &a {x: 1}\n  - *a\ntext: |\n  two\n  lines\n");
  let wrong = "";
  try {
    load("a: [1, 2");
  } catch (error) {
    wrong = (error as Error).name;
  }
  return { read, text: dump({ b: [1, { c: "d: e" }], a: null }, { sortKeys: true }), wrong };
});
