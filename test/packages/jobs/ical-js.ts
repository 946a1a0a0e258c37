import ICAL from "ical.js";
import { defineJob } from "mayfly";

const calendar = [
  ...["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//EN", "BEGIN:VEVENT", "UID:1@example.org"],
  ...["DTSTART:20261126T100000Z", "DURATION:PT1H30M", "RRULE:FREQ=WEEKLY;COUNT=3", "SUMMARY:Planning\\, weekly"],
  ...["END:VEVENT", "END:VCALENDAR"],
].join("\r\n");

export default defineJob(() => {
  const event = new ICAL.Event(new ICAL.Component(ICAL.parse(calendar)).getFirstSubcomponent("vevent") ?? undefined);
  const occurrences = event.iterator();
  const starts: string[] = [];
  for (let next = occurrences.next(); next; next = occurrences.next()) starts.push(next.toString());
  return { summary: event.summary, minutes: event.duration.toSeconds() / 60, starts };
});
