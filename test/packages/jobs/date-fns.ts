import { addBusinessDays, differenceInCalendarDays, format, parseISO } from "date-fns";
import { de } from "date-fns/locale";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const ordered = parseISO("2026-11-26");
  const due = addBusinessDays(ordered, 3);
  return { due: format(due, "EEEE, d. MMMM yyyy", { locale: de }), days: differenceInCalendarDays(due, ordered) };
});
