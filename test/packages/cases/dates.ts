// Days, zones and schedules.
import type { Case } from "../case.ts";

export const dates: readonly Case[] = [
  {
    package: "cron-parser",
    does: "finds the next times of a schedule in a time zone",
    yields: ["2026-11-27T01:00:00.000Z", "2026-11-30T01:00:00.000Z", "2026-12-01T01:00:00.000Z"],
  },
  {
    package: "date-fns",
    does: "counts business days, and prints a date in German",
    yields: { due: "Dienstag, 1. Dezember 2026", days: 5 },
  },
  {
    package: "dayjs",
    does: "moves a time to Tokyo, and says how long ago it was",
    yields: { tokyo: "2026-11-27 08:30", from: "6 days ago" },
  },
  {
    package: "ical.js",
    does: "reads an event, and where it recurs",
    yields: {
      summary: "Planning, weekly",
      minutes: 90,
      starts: ["2026-11-26T10:00:00Z", "2026-12-03T10:00:00Z", "2026-12-10T10:00:00Z"],
    },
  },
  {
    package: "luxon",
    does: "adds a day over the start of summer time, and prints it in French",
    yields: { after: "2026-03-29T12:00:00.000+02:00", hours: 23, shown: "dimanche 29 mars" },
  },
  {
    package: "moment",
    does: "parses strictly, and finds the end of a quarter",
    yields: { quarter: 4, end: "Thursday, December 31st 2026", invalid: false, took: "2 hours" },
  },
  {
    package: "rrule",
    notInNode: "its file for Node has no names that an import there finds",
    does: "lists the last Fridays of months, and says the rule in words",
    yields: { text: "every month on the last Friday for 3 times", dates: ["2026-11-27", "2026-12-25", "2027-01-29"] },
  },
];
