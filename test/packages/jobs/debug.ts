import createDebug from "debug";
import { defineJob } from "mayfly";

export default defineJob(() => {
  createDebug.enable("tea:*,-tea:noise");
  const said: string[] = [];
  createDebug.log = (...args: unknown[]) => void said.push(String(args[0]));
  createDebug("tea:brew")("cups: %o", { count: 3 });
  createDebug("tea:noise")("unheard");
  return { count: said.length, text: /tea:brew cups: \{ count: 3 \}/.test(said[0] ?? "") };
});
