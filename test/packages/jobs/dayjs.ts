import dayjs from "dayjs";
import relativeTime from "dayjs/plugin/relativeTime.js";
import timezone from "dayjs/plugin/timezone.js";
import utc from "dayjs/plugin/utc.js";
import { defineJob } from "mayfly";

dayjs.extend(utc);
dayjs.extend(timezone);
dayjs.extend(relativeTime);

export default defineJob(() => {
  const start = dayjs.utc("2026-11-26T23:30:00Z");
  return { tokyo: start.tz("Asia/Tokyo").format("YYYY-MM-DD HH:mm"), from: start.from(start.add(6, "day")) };
});
