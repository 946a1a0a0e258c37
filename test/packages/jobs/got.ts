import got from "got";
import { defineJob } from "mayfly";

export default defineJob(async ({ input, credential }) => {
  const { origin } = input as { origin: string };
  const api = got.extend({
    prefixUrl: origin,
    headers: { authorization: `Bearer ${await credential.fetch()}` },
    retry: { limit: 2, calculateDelay: ({ computedValue }) => Math.min(computedValue, 5) },
  });
  const order = await api.post("orders", { json: { sku: "tea", quantity: 2 }, searchParams: { dry: true } }).json();
  const flaky = await api("flaky").text(); // 503 at first
  const missing = await api("none").catch((error) => error.response.statusCode);
  let streamed = 0;
  for await (const piece of api.stream("bytes")) streamed += piece.length;
  return { order, flaky, missing, streamed };
});
