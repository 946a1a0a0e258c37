import { Hono } from "hono";
import { defineJob } from "mayfly";

const app = new Hono();
app.use(async (c, next) => {
  await next();
  c.header("x-served", "yes");
});
app.post("/orders/:id", async (c) =>
  c.json({ id: c.req.param("id"), body: await c.req.json(), page: c.req.query("page") }, 201),
);

export default defineJob(async () => {
  const init = {
    method: "POST",
    body: JSON.stringify({ sku: "tea" }),
    headers: { "content-type": "application/json" },
  };
  const response = await app.request("/orders/7?page=2", init);
  return {
    status: response.status,
    served: response.headers.get("x-served"),
    body: await response.json(),
    missing: (await app.request("/none")).status,
  };
});
