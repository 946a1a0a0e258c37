import ky, { HTTPError } from "ky";
import { defineJob } from "mayfly";

export default defineJob(async ({ input, credential }) => {
  const { origin } = input as { origin: string };
  const api = ky.create({
    headers: { authorization: `Bearer ${await credential.fetch()}` },
    retry: { limit: 3, delay: () => 5 },
  });
  const order = await api
    .post(`${origin}/orders`, { json: { sku: "tea", quantity: 2 }, searchParams: { dry: "true" } })
    .json();
  const flaky = await api.get(`${origin}/flaky`).text(); // 503 at first
  const missing = await api.get(`${origin}/none`).catch((error) => error instanceof HTTPError && error.response.status);
  const slow = await api.get(`${origin}/slow`, { timeout: 30, retry: 0 }).catch((error) => error.name);
  return { order, flaky, missing, slow };
});
