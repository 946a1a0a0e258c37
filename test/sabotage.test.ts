// The sabotage list against the source as it is: an entry whose text has moved takes nothing out, and would be counted on.
import t from "tap";
import { allSabotages, whyStale } from "../scripts/sabotage/list.ts";
import { projectRoot } from "../scripts/tap/run.ts";
import { threats } from "../scripts/threats/list.ts";

const sabotages = await allSabotages();

t.test("an entry that no longer fits the source, or names a test or a threat that isn't there", async (t) => {
  t.ok(sabotages.length > 0, "there are some");
  const known = new Set(threats.map(({ id }) => id));
  for (const sabotage of sabotages) {
    t.equal(whyStale(projectRoot, sabotage), undefined, sabotage.id);
    t.match(sabotage.id, /^[a-z0-9]+(-[a-z0-9]+)*$/);
    t.ok(sabotage.threats.length > 0 && sabotage.threats.every((id) => known.has(id)), `${sabotage.id}: its threats`);
  }
});

t.test("the twin: what would be found stale", async (t) => {
  const [sound] = sabotages;
  if (sound === undefined) return t.fail("there is none to try with");
  t.match(whyStale(projectRoot, { ...sound, find: "no such text in any file" }), /occurs 0 times/);
  t.match(whyStale(projectRoot, { ...sound, find: "\n" }), /occurs \d+ times/);
  t.match(whyStale(projectRoot, { ...sound, replace: sound.find }), /changes nothing/);
  t.match(whyStale(projectRoot, { ...sound, file: "runtime/none.ts" }), /no runtime\/none\.ts/);
  t.match(whyStale(projectRoot, { ...sound, caughtBy: ["test/none.test.ts"] }), /no test\/none\.test\.ts/);
});
