// node-cron as the ticker. It has no durable state and its overlap protection is per process: both are the ledger's.
import cron from "node-cron";
import { isoTime } from "../../model/units.ts";
import type { Ticker } from "../../ports/ticker.ts";

export const cronTicker: Ticker = {
  schedule(expression, timezone, onSlot) {
    const task = cron.schedule(expression, (context) => onSlot(slotOf(context.date)), { timezone });
    return () => void task.destroy();
  },
};

/** Slots are whole seconds: the tick may come some milliseconds late. */
function slotOf(date: Date): string {
  return isoTime(Math.floor(date.getTime() / 1_000) * 1_000);
}
