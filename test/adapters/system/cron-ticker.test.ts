// The ticker's slots are what the ledger makes unique: a slot must be the same text for every process that ticks it.
import t from "tap";
import { cronTicker } from "../../../runtime/adapters/system/cron-ticker.ts";

const everySecond = "* * * * * *";

/** The first `count` slots. */
function slotsOf(count: number, timezone = "UTC"): Promise<string[]> {
  return new Promise((resolve) => {
    const slots: string[] = [];
    const stop = cronTicker.schedule(everySecond, timezone, (slot) => {
      slots.push(slot);
      if (slots.length < count) return;
      stop();
      resolve(slots);
    });
  });
}

t.test("slots are whole seconds in UTC, one after the other, and in every zone the same", async (t) => {
  const [utc, zurich] = await Promise.all([slotsOf(3), slotsOf(3, "Europe/Zurich")]);
  for (const slot of utc) t.match(slot, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/);
  t.same([...utc].sort(), utc);
  t.equal(new Set(utc).size, 3);
  t.ok(
    zurich.some((slot) => utc.includes(slot)),
    "two processes that tick together name the same slot",
  );
});

t.test("a schedule that was stopped ticks no more, while another goes on", async (t) => {
  let ticks = 0;
  const stop = cronTicker.schedule(everySecond, "UTC", () => {
    ticks += 1;
  });
  stop();
  await slotsOf(2);
  t.equal(ticks, 0);
});
