import { DateTime } from "luxon";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const before = DateTime.fromISO("2026-03-28T12:00", { zone: "Europe/Zurich" });
  const after = before.plus({ days: 1 }); // over the hour that summer time takes
  return {
    after: after.toISO(),
    hours: after.diff(before, "hours").hours,
    shown: after.setLocale("fr").toFormat("cccc d LLLL"),
  };
});
