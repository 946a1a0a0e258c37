import { Redis } from "@upstash/redis";
import { defineJob } from "mayfly";

export default defineJob(async ({ input, credential }) => {
  const { origin } = input as { origin: string };
  const redis = new Redis({ url: origin, token: await credential.fetch(), enableTelemetry: false });
  await redis.set("order:7", { total: 7.5 }, { ex: 60 });
  return { order: await redis.get("order:7"), missing: await redis.get("none"), count: await redis.incr("orders") };
});
