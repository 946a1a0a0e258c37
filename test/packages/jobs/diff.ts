import { applyPatch, createPatch, diffWords } from "diff";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const [before, after] = ["one\ntwo\nthree\n", "one\n2\nthree\nfour\n"];
  const patch = createPatch("a.txt", before, after);
  return {
    lines: patch.split("\n").filter((line) => /^[+-](?![+-])/.test(line)),
    applied: applyPatch(before, patch) === after,
    words: diffWords("the red tea", "the green tea")
      .filter(({ added, removed }) => added || removed)
      .map(({ value }) => value),
  };
});
