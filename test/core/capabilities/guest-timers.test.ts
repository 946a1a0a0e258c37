// Timers of a guest whose time is the supervisor's: due by the clock, once, and none once the run is over.
import t from "tap";
import { guestTimersMax, makeGuestTimers } from "../../../runtime/core/capabilities/guest-timers.ts";

function open() {
  let nowMs = 0;
  let waiting: { atMs: number; call: () => void }[] = [];
  const clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    setTimer(delayMs: number, call: () => void) {
      const each = { atMs: nowMs + delayMs, call };
      waiting.push(each);
      return () => {
        waiting = waiting.filter((other) => other !== each);
      };
    },
  };
  const advance = async (ms: number) => {
    nowMs += ms;
    for (const each of waiting.filter(({ atMs }) => atMs <= nowMs).sort((a, b) => a.atMs - b.atMs)) {
      waiting = waiting.filter((other) => other !== each);
      each.call();
    }
    await Promise.resolve();
  };
  const fired: string[] = [];
  const timers = makeGuestTimers(clock);
  const set = (timer: number, delayMs: number, name = String(timer)) =>
    void timers.set(timer, delayMs).then(() => fired.push(name));
  return { timers, set, advance, fired, waiting: () => waiting.length };
}

t.test("each is due at its time; one that is cleared or set anew isn't at its old one", async (t) => {
  const { timers, set, advance, fired, waiting } = open();
  set(1, 10);
  set(2, 5);
  set(3, 7);
  set(1, 20, "again");
  timers.clear(3);
  await advance(12);
  t.same(fired, ["2"]);
  await advance(12);
  t.same(fired, ["2", "again"]);
  t.equal(timers.nowMs(), 24);
  t.equal(waiting(), 0);
});

t.test("[RES-09] no more than the guest itself keeps to, and none beyond the run's end", async (t) => {
  const { timers, set, advance, fired, waiting } = open();
  for (let timer = 1; timer <= guestTimersMax + 5; timer += 1) set(timer, 1);
  t.equal(waiting(), guestTimersMax);
  timers.end();
  t.equal(waiting(), 0);
  set(1, 0);
  await advance(10);
  t.same(fired, []);
});
