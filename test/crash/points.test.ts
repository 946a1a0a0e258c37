// The promise, point by point: killed before and after each step of a credential's life, the supervisor or the executor,
// nothing is taken at the resource afterwards. A few kills for each issuer here; `npm run crash` does hundreds.
import t from "tap";
import { issuerWorlds } from "../worlds/all.ts";
import { handlePoints, type Point, points } from "./points.ts";
import { pointsCampaign } from "./points-campaign.ts";

const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
t.setTimeout(2_400_000);

for (const [kind, open] of Object.entries(issuerWorlds)) {
  t.test(`[CRASH-01] [CRASH-02] ${kind}: killed at every point of issue and revocation`, async (t) => {
    t.setTimeout(900_000);
    t.comment(`seed ${seed}`);
    const found = await pointsCampaign(open, { kills: points.length, seed });
    const { violations, reached, ...counts } = found;
    t.comment(`${kind}: ${JSON.stringify(counts)}`);
    t.same(violations, []);
    const missed = points.filter((point) => reached[point] === undefined);
    t.same(missed, [], "each point was reached, and somebody died there");
    t.ok(Object.keys(reached).length >= 12);
    t.ok(found.killsWithLive > 0, "the twin: had nobody recovered, a credential would have been taken");
  });
}

t.test("the points are named once each", async (t) => {
  const all: Point[] = [...points, ...handlePoints];
  t.equal(new Set(all).size, all.length);
});
