// The fuzzer of paths, for a short while, and that it sees a parser which lets something through.
import t from "tap";
import { checkPath, checkRefusal, fuzzPaths } from "./paths.ts";

t.test("[FS-01] [FS-02] [FS-03] no path that the fuzzer makes leads anywhere but down", async (t) => {
  const { cases } = await fuzzPaths({ seed: 20_261_123, cases: 20_000, withinMs: 20_000 });
  t.ok(cases > 0, `${cases} paths`);
});

t.test("the same seed gives the same cases", async (t) => {
  const options = { seed: 5, cases: 200, withinMs: 20_000 };
  t.strictSame(await fuzzPaths(options), await fuzzPaths(options));
});

t.test("its checks see a parser that lets something through", (t) => {
  const splitting = (text: string) => ({ names: text.split("/").filter((name) => name !== "") });
  const whole = (text: string) => ({ names: [text] });
  t.throws(() => checkPath("/a/../b", splitting), { message: /the name "\.\."/ });
  t.throws(() => checkPath("a/b", whole), { message: /more than a name/ });
  t.throws(() => checkPath("n".repeat(256), whole), { message: /no disk has/ });
  t.throws(() => checkPath("\ud800", whole), { message: /no disk has/ });
  t.throws(() => checkRefusal("%2e%2e", splitting), { message: /a way up/ });
  t.throws(() => checkRefusal("a\\..\\b", splitting), { message: /a way up/ });
  t.doesNotThrow(() => checkRefusal("/output/a..b"));
  t.end();
});
