// The sabotage runner, on a small tree of its own: what it must not take for a test that noticed.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { sabotageCampaign } from "../../scripts/sabotage/campaign.ts";
import type { Sabotage } from "../../scripts/sabotage/sabotage.ts";
import { projectRoot } from "../../scripts/tap/run.ts";

const guard = `export function isAllowed(name: string): boolean {
  if (name === "evil") return false;
  return name.length < 100; // the second defence
}
`;

const noticing = `import t from "tap";
import { isAllowed } from "../guard.ts";
t.test("evil is let in", async (t) => { t.notOk(isAllowed("evil"), "refused"); });
`;

const endless = `import t from "tap";
import { isAllowed } from "../guard.ts";
t.test("it waits until evil is refused", async () => { while (isAllowed("evil")) await new Promise((f) => setTimeout(f, 5)); });
`;

const outside = `import t from "tap";
import { isAllowed } from "../guard.ts";
if (isAllowed("evil")) throw new Error("noticed, and in no test");
t.test("nothing", async (t) => { t.ok(true); });
`;

function tree(t: Test): string {
  const root = t.testdir({
    "guard.ts": guard,
    "package.json": '{"type":"module"}',
    "red.test.ts": 'import t from "tap"; t.test("red anyway", async (t) => { t.fail("so it is"); });\n',
    test: { "noticing.test.ts": noticing, "endless.test.ts": endless, "outside.test.ts": outside },
  });
  cpSync(join(projectRoot, "tsconfig.json"), join(root, "tsconfig.json"));
  writeFileSync(
    join(root, "tsconfig.json"),
    readFileSync(join(root, "tsconfig.json"), "utf8").replace(/"include".*/, '"include": ["guard.ts"],'),
  );
  symlinkSync(join(projectRoot, "node_modules"), join(root, "node_modules"));
  mkdirSync(join(root, ".tap"));
  return root;
}

const base = { defence: "a guard", threats: ["ISO-01"], file: "guard.ts", caughtBy: ["test/noticing.test.ts"] };
const letIn = { ...base, find: 'name === "evil"', replace: "false" };

async function tried(t: Test, sabotages: readonly Sabotage[], withinMs = 10_000) {
  const stop = new AbortController();
  const copies = () => readdirSync(tmpdir()).filter((name) => name.startsWith("sab-"));
  const before = copies();
  const root = tree(t);
  const found = await sabotageCampaign({
    root,
    sabotages,
    jobs: 2,
    withinMs,
    stop: stop.signal,
    say: (line) => t.comment(line),
  });
  t.equal(readFileSync(join(root, "guard.ts"), "utf8"), guard, "the tree itself is as it was");
  t.same(
    copies().filter((name) => !before.includes(name)),
    [],
    "and no copy is left",
  );
  t.ok(existsSync(join(root, "node_modules/tap")), "nor was anything removed through a link");
  return found;
}

t.test("a noticed sabotage names its test; one that nobody notices survives", async (t) => {
  const found = await tried(t, [
    { ...base, ...letIn, id: "noticed" },
    { ...base, id: "unnoticed", find: "name.length < 100", replace: "true" },
  ]);
  t.match(found, [
    { id: "noticed", outcome: "caught", file: "test/noticing.test.ts", detail: "evil is let in › refused" },
    { id: "unnoticed", outcome: "survived", file: null },
  ]);
});

t.test(
  "what is no test that noticed: a syntax error, a missing name, an error outside a test, stale text",
  async (t) => {
    const found = await tried(t, [
      { ...base, id: "syntax", find: 'name === "evil"', replace: "name ===" },
      { ...base, id: "name", find: 'name === "evil"', replace: "nobody()" },
      { ...base, ...letIn, id: "outside", caughtBy: ["test/outside.test.ts"] },
      { ...base, id: "stale", find: "was here once", replace: "" },
      { ...base, ...letIn, id: "red", caughtBy: ["red.test.ts"] },
    ]);
    t.same(
      found.map(({ id, outcome }) => [id, outcome]),
      [
        ["syntax", "broken"],
        ["name", "broken"],
        ["outside", "broken"],
        ["stale", "stale"],
        ["red", "red"],
      ],
    );
  },
);

t.test("a test that hangs has noticed only where that was said", async (t) => {
  const hanging = { ...base, ...letIn, caughtBy: ["test/endless.test.ts"] };
  const found = await tried(
    t,
    [
      { ...hanging, id: "unsaid" },
      { ...hanging, id: "said", hangs: true },
    ],
    3_000,
  );
  t.match(found, [
    { id: "unsaid", outcome: "hung" },
    { id: "said", outcome: "caught" },
  ]);
});
