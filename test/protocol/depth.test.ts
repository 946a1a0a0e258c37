// The depth of a JSON text, before anything parses it: what would be taken for nesting, and what would hide it.
import t from "tap";
import { nestsDeeper } from "../../runtime/protocol/depth.ts";

const deeper = (json: string, levels: number) => nestsDeeper(new TextEncoder().encode(json), levels);

t.test("[RES-11] a text at the edge, and one level beyond it", async (t) => {
  for (const [open, close] of [
    ["[", "]"],
    ['{"a":', "}"],
  ] as const) {
    t.notOk(deeper(`${open.repeat(80)}1${close.repeat(80)}`, 80));
    t.ok(deeper(`${open.repeat(81)}1${close.repeat(81)}`, 80));
  }
  t.ok(deeper("[".repeat(1e6), 80), "without an end");
});

t.test("[RES-11] brackets in strings, escaped quotes, and lists that are long and not deep", async (t) => {
  t.notOk(deeper(JSON.stringify(["[".repeat(500), "\\", '"[[[[[[', "{"]), 2));
  t.ok(deeper(`["\\\\",${"[".repeat(5)}${"]".repeat(5)}]`, 5), "a backslash that is escaped doesn't escape the quote");
  t.notOk(deeper(JSON.stringify(Array.from({ length: 1_000 }, () => [])), 2));
  t.notOk(deeper("", 0));
});
