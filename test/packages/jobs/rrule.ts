import { defineJob } from "mayfly";
import { rrulestr } from "rrule";

export default defineJob(() => {
  const rule = rrulestr("DTSTART:20261126T090000Z\nRRULE:FREQ=MONTHLY;BYDAY=-1FR;COUNT=3");
  return { text: rule.toText(), dates: rule.all().map((date) => date.toISOString().slice(0, 10)) };
});
