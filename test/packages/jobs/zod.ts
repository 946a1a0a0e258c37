import { defineJob } from "mayfly";
import { z } from "zod";

const Order = z.object({
  id: z.string().regex(/^ord_/),
  lines: z.array(z.object({ sku: z.string(), quantity: z.int().positive() })).min(1),
  placedAt: z.iso.datetime().transform((text) => new Date(text).getTime()),
});

export default defineJob(() => {
  const placedAt = "2026-11-26T09:30:00Z";
  const good = Order.parse({ id: "ord_1", lines: [{ sku: "tea", quantity: 2 }], placedAt });
  const bad = Order.safeParse({ id: "1", lines: [{ sku: "tea", quantity: 0 }], placedAt: "yesterday" });
  return { placedAtMs: good.placedAt, wrong: bad.error?.issues.map(({ path }) => path.join(".")) };
});
