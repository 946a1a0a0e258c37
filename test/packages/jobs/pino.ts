import { defineJob } from "mayfly";
import { pino } from "pino";

export default defineJob(() => {
  const lines: string[] = [];
  const logger = pino(
    { base: null, timestamp: false, redact: ["user.password"], serializers: { err: pino.stdSerializers.err } },
    { write: (line: string) => void lines.push(line) },
  );
  logger.child({ request: 7 }).info({ user: { name: "ada", password: "secret" } }, "logged in as %s", "ada");
  logger.debug("unheard");
  logger.error(new RangeError("too far"));
  const [first, last] = lines.map((line) => JSON.parse(line));
  return { count: lines.length, first, error: [last.level, last.err.type, last.msg] };
});
