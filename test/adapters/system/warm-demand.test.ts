// How many executors wait for runs that may come: enough for a burst like the last ones, and not for ever.
import t from "tap";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { makeWarmDemand } from "../../../runtime/adapters/system/warm-demand.ts";

function demandAt(least: number, most: number) {
  let nowMs = 1_000;
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  const demand = makeWarmDemand({ least, most, clock });
  return {
    wanted: () => demand.wanted(),
    later: (ms: number) => {
      nowMs += ms;
    },
    /** So many at the same moment. */
    burst: (size: number) => {
      for (let n = 0; n < size; n += 1) demand.note();
    },
  };
}

t.test("nobody comes, or one after another: the least is kept", async (t) => {
  const demand = demandAt(2, 8);
  t.equal(demand.wanted(), 2);
  for (let n = 0; n < 100; n += 1) {
    demand.burst(1);
    demand.later(300);
  }
  t.equal(demand.wanted(), 2);
});

t.test("a burst is expected again for two minutes, a smaller one after it for longer", async (t) => {
  const demand = demandAt(2, 8);
  demand.burst(6);
  t.equal(demand.wanted(), 6);
  demand.later(60_000);
  demand.burst(4);
  t.equal(demand.wanted(), 6);
  demand.later(61_000);
  t.equal(demand.wanted(), 4);
  demand.later(60_000);
  t.equal(demand.wanted(), 2);
});

t.test("each minute the same: it is met each time", async (t) => {
  const demand = demandAt(1, 8);
  for (let minute = 0; minute < 10; minute += 1) {
    demand.burst(5);
    demand.later(60_000);
    t.equal(demand.wanted(), 5);
  }
});

t.test("a flood: no more than the most", async (t) => {
  const demand = demandAt(2, 8);
  for (let n = 0; n < 1_000; n += 1) {
    demand.burst(100);
    demand.later(1);
  }
  t.equal(demand.wanted(), 8);
  demand.later(121_000);
  t.equal(demand.wanted(), 2);
});
