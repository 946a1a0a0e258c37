import { defineJob } from "mayfly";
import { array, coerce, create, date, number, object, string, validate } from "superstruct";

const Event = object({
  title: string(),
  at: coerce(date(), string(), (text) => new Date(text)),
  seats: array(number()),
});

export default defineJob(() => {
  const event = create({ title: "Talk", at: "2026-11-26T18:00:00Z", seats: [1, 2] }, Event);
  const [failure] = validate({ title: "Talk", at: new Date(0), seats: [1, "two"] }, Event);
  return { at: event.at, path: failure?.path, needed: failure?.type };
});
