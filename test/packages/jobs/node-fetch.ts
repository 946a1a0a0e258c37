import { defineJob } from "mayfly";
import fetch, { FormData, Headers } from "node-fetch";

export default defineJob(async ({ input, credential }) => {
  const { origin } = input as { origin: string };
  const headers = new Headers({ authorization: `Bearer ${await credential.fetch()}` });
  const order = await fetch(`${origin}/orders?dry=true`, {
    method: "POST",
    headers: { ...Object.fromEntries(headers), "content-type": "application/json" },
    body: JSON.stringify({ sku: "tea", quantity: 2 }),
  });
  const form = new FormData();
  form.set("name", "Ada");
  const posted = await fetch(`${origin}/form`, { method: "POST", headers, body: form });
  let streamed = 0;
  for await (const piece of (await fetch(`${origin}/bytes`, { headers })).body ?? []) streamed += piece.length;
  return {
    order: await order.json(),
    form: await posted.json(),
    streamed,
    missing: (await fetch(`${origin}/none`, { headers })).status,
  };
});
