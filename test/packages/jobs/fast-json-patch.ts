import jsonpatch from "fast-json-patch";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const before = { a: [1, 2], b: { c: "x" } };
  const patch = jsonpatch.compare(before, { a: [1, 3], b: {}, d: true });
  return { patch, applied: jsonpatch.applyPatch(before, patch).newDocument };
});
