import { defineJob } from "mayfly";
import { parse, stringify } from "smol-toml";

export default defineJob(() => {
  const read = parse('title = "a"\n[server]\nports = [8000, 8001]\nat = 2026-11-26T09:00:00Z\n[[job]]\nname = "x"\n');
  return { read, text: stringify({ a: { b: [1, 2] }, c: "d" }) };
});
