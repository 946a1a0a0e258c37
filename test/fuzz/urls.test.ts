// A few seconds of the URL fuzzer, and of the vectors that browsers are tested with where a checkout of them is at hand.
// The twin: a client that reads URLs in its own way is found.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { CheckedTarget } from "../../runtime/model/checked.ts";
import type { HttpClient } from "../../runtime/ports/http-client.ts";
import { findWpt } from "../../scripts/conformance/obtain.ts";
import { corpus, makeUrlFuzzer } from "./urls.ts";

t.test("[NET-40] no URL is decided on as one thing and dialled as another", async (t) => {
  let dialled = 0;
  const wrap = (client: HttpClient): HttpClient => ({
    exchange: (...asked) => {
      dialled += 1;
      return client.exchange(...asked);
    },
    close: () => client.close(),
  });
  const { cases } = await makeUrlFuzzer({ wrap }).run({ seed: 40, cases: 20_000, withinMs: 5_000 });
  t.ok(cases >= corpus.length, `${cases} cases`);
  t.ok(dialled >= 10, `${dialled} of them went over the wire`);
});

const wpt = findWpt(process.env.WPT_ROOT);
/** The inputs of a file of web-platform-tests, whose other members are comments. */
const inputsOf = (file: string) =>
  (JSON.parse(readFileSync(join(wpt ?? "", "url/resources", file), "utf8")) as (string | { input: string })[]).flatMap(
    (each) => (typeof each === "string" ? [] : [each.input]),
  );
t.test(
  "[NET-40] nor is any URL of web-platform-tests",
  { skip: wpt ? false : "no web-platform-tests: set WPT_ROOT, or let npm run conformance fetch them" },
  async (t) => {
    const inputs = inputsOf("urltestdata.json");
    const ours = inputs.map((input) => input.replace(/example\.(?:com|org|net)/g, "api.partner.test:PORT"));
    const hosts = ["toascii.json", "IdnaTestV2.json"].flatMap(inputsOf);
    const more = [...inputs, ...ours, ...hosts.map((host) => `http://${host}:PORT/`)];
    const { cases } = await makeUrlFuzzer({ more }).run({ seed: 1, cases: more.length, withinMs: 60_000 });
    t.equal(cases, more.length);
    t.ok(inputs.length > 500 && hosts.length > 500, `${inputs.length} URLs and ${hosts.length} hosts`);
  },
);

const ways: Record<string, (target: CheckedTarget) => CheckedTarget> = {
  "decodes the path once more": (target) => ({
    ...target,
    path: decodeURIComponent(target.path).replaceAll(/\s/g, "+"),
  }),
  "dials another address": (target) => ({ ...target, address: "127.0.0.9" }),
  "names another host": (target) => ({ ...target, host: `www.${target.host}` }),
  "leaves the query out": (target) => ({ ...target, path: target.path.split("?", 1)[0] ?? "" }),
};

t.test("a client that reads the URL in its own way is found", async (t) => {
  for (const [name, way] of Object.entries(ways)) {
    const wrap = (client: HttpClient): HttpClient => ({
      exchange: (target, ...rest) => client.exchange(way(target), ...rest),
      close: () => client.close(),
    });
    const run = makeUrlFuzzer({ wrap }).run({ seed: 40, cases: 3_000, withinMs: 20_000 });
    await t.rejects(run, /dialled|the wire|it failed/, name);
  }
});
