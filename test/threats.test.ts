// The threat list and its tests, looked at without running them: no line may be without a test or a reason, and no tag
// may name a line that isn't there. And the tool that counts proofs: what it must not take for one.
import t from "tap";
import { makeTapReader, type Point } from "../scripts/tap/read.ts";
import { owed, threats } from "../scripts/threats/list.ts";
import { taggedFiles, tagsIn } from "../scripts/threats/tags.ts";
import { blocks, makeEvidence, verdictOf } from "../scripts/threats/verdict.ts";

t.test("a line of the threat list that no test proves", async (t) => {
  const files = taggedFiles();
  const bare = threats.filter(
    ({ id, notApplicable }) => !files.has(id) && notApplicable === undefined && !owed.includes(id),
  );
  t.same(
    owed.filter((id) => files.has(id) || !threats.some((each) => each.id === id)),
    [],
    "what is owed has no test yet, and is on the list",
  );
  t.same(
    bare.map(({ id, about }) => `${id}: ${about}`),
    [],
    "each has its id in the title of a test, or a reason in scripts/threats/list.ts",
  );
});

t.test("a tag that names no line, and ids that are there twice", async (t) => {
  const known = new Set(threats.map(({ id }) => id));
  t.equal(known.size, threats.length);
  t.same(
    [...taggedFiles()].filter(([id]) => !known.has(id)),
    [],
  );
  t.same(tagsIn(tagged("{ISO-01} {NET-40} a title, ISO-02, [iso-03] and [X-1]")), ["ISO-01", "NET-40"]);
});

const read = (tap: string): Point[] => {
  const reader = makeTapReader();
  return tap.split("\n").flatMap((line) => reader.line(line) ?? []);
};

// Written with other brackets, so that this file doesn't count among the proofs.
const tagged = (text: string) => text.replace(/\{([A-Z]+-\d\d)\}/g, "[$1]");

const output = tagged(`TAP version 14
# Subtest: test/a.test.ts
    # Subtest: {RES-01} a loop \\# 1
        ok 1 - it ended
        # Subtest: {RES-02} within
            not ok 1 - a point
              ---
              source: |
                ok 9 - {RES-03} no point, but quoted source
              ...
            1..1
        not ok 2 - {RES-02} within # time=1.5ms
          ---
          diff: x
          ...
        1..2
    not ok 1 - {RES-01} a loop \\# 1 # time=12ms
    ok 2 - {RES-04} elsewhere # SKIP no cgroup here
    # Subtest: {RES-05} gives up
        ok 1 - no disk # SKIP
        1..1
    ok 3 - {RES-05} gives up # time=1ms
    # Subtest: {RES-06} says nothing
        1..0
    ok 4 - {RES-06} says nothing # time=1ms
    # Subtest: {RES-07} {RES-08} two at once
        ok 1 - one # SKIP half of it
        ok 2 - another
        1..2
    ok 5 - {RES-07} {RES-08} two at once # time=1ms
    1..5
not ok 1 - test/a.test.ts # time=57ms
`);

t.test("TAP that is read wrongly: nesting, escapes, directives, and points inside quoted source", async (t) => {
  const points = read(output);
  t.same(
    points.map(({ title }) => title).filter((title) => title.includes("RES-03")),
    [],
  );
  t.match(
    points.find(({ title }) => title.includes("RES-01")),
    { ok: false, title: tagged("{RES-01} a loop # 1"), within: ["test/a.test.ts"], skipped: undefined },
  );
  t.match(points.find(({ title }) => title === "a point")?.within, [
    "test/a.test.ts",
    tagged("{RES-01} a loop # 1"),
    tagged("{RES-02} within"),
  ]);
  t.equal(points.find(({ title }) => title.includes("RES-04"))?.skipped, "no cgroup here");
});

t.test("what must not count as a proof: a failure, a skip, skipped assertions, none at all, no result", async (t) => {
  const evidence = makeEvidence();
  for (const point of read(output)) evidence.add(point);
  const of = (id: string, files = ["test/a.test.ts"]) => verdictOf({ id, about: "", p0: true }, files, evidence.of(id));
  t.match(of("RES-01"), { outcome: "failed", detail: [tagged("{RES-01} a loop # 1")] });
  t.match(of("RES-02"), { outcome: "failed" });
  t.match(of("RES-03"), { outcome: "unproven", detail: ["its tests gave no result"] });
  t.match(of("RES-04"), { outcome: "unproven", detail: ["no cgroup here"] });
  t.match(of("RES-05"), { outcome: "unproven", detail: ["no disk"] });
  t.match(of("RES-06"), { outcome: "unproven", detail: ["it asserted nothing"] });
  t.match(of("RES-07"), { outcome: "proven" });
  t.match(of("RES-08"), { outcome: "proven" });
  t.match(of("RES-09", []), { outcome: "unproven", detail: ["no test has its id"] });
  t.ok(blocks(of("RES-01")) && blocks(of("RES-04")) && !blocks(of("RES-07")));
  const beyond = verdictOf({ id: "RES-10", about: "", p0: true, notApplicable: "why" }, [], evidence.of("RES-10"));
  t.match(beyond, { outcome: "not applicable", detail: ["why"] });
  t.notOk(blocks(beyond));
});
