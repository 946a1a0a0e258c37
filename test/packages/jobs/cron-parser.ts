import { CronExpressionParser } from "cron-parser";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const schedule = CronExpressionParser.parse("0 2 * * 1-5", {
    currentDate: "2026-11-27T00:00:00Z",
    tz: "Europe/Zurich",
  });
  return schedule.take(3).map((date) => date.toISOString());
});
