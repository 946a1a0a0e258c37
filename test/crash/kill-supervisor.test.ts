// The promise of the product: when a run ends its credential is dead, even if we crashed. A hundred crashes by SIGKILL,
// at points chosen by a seed, in the middle of runs that use both issuers. To see one again: CRASH_SEED=<seed>.
import t from "tap";
import { crashCampaign } from "./campaign.ts";

const kills = Number(process.env.CRASH_KILLS ?? 100);
const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
t.setTimeout(1_500_000);

t.test("a hundred crashes leave no live credential, process, directory or run without an end", async (t) => {
  t.setTimeout(1_500_000);
  t.comment(`seed ${seed}`);
  const found = await crashCampaign(t, { kills, seed });
  const { violations, auditVerify, ...counts } = found;
  t.comment(`crash: seed ${seed}, ${JSON.stringify(counts)}, ${violations.length} violations`);
  t.same(violations, []);
  t.equal(found.kills, kills);
  t.match(auditVerify, { code: 0, stdout: /entries, unbroken/ });
  t.ok((counts.states.succeeded ?? 0) > 0, "some runs came through");
  t.ok((counts.states.lost ?? 0) > 0, "and some were hit");
  // The twin: had nobody recovered, the same looks would have found what lived on.
  t.ok(counts.killsWithLiveToken > 0, "at least one kill left a token alive until the restart");
  t.ok(counts.killsWithLiveRole > 0, "and one a database role");
});
