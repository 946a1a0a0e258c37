import { Writable } from "node:stream";
import { defineJob } from "mayfly";
import winston from "winston";

export default defineJob(async () => {
  const lines: unknown[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  const logger = winston.createLogger({
    level: "info",
    format: winston.format.combine(
      winston.format.splat(),
      winston.format.errors({ stack: false }),
      winston.format.json(),
    ),
    defaultMeta: { service: "tea" },
    transports: [new winston.transports.Stream({ stream })],
  });
  logger.info("brewed %d cups", 3, { kind: "green" });
  logger.debug("unheard");
  logger.end();
  await new Promise((resolve) => logger.on("finish", resolve));
  return lines;
});
