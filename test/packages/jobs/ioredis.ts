import { Redis } from "ioredis";
import { defineJob } from "mayfly";

export default defineJob(async () => {
  const redis = new Redis({ host: "127.0.0.1", lazyConnect: true, retryStrategy: () => null });
  await redis.connect();
});
