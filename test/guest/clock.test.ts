// The guest's clock by itself: what a job sees of it, the other tests of this folder ask.
import t from "tap";
import { clock } from "../../runtime/guest/clock.ts";

t.test("a run's first moment that reads as no time at all: packages test such a time for truth", async (t) => {
  clock.moveTo(1_795_000_000_000);
  clock.begin();
  t.equal(clock.sinceOriginMs(), 1);
  clock.moveTo(1_795_000_000_007);
  t.equal(clock.sinceOriginMs(), 8);
  t.equal(clock.originMs() + clock.sinceOriginMs(), clock.nowMs());
});
