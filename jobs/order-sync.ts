// Copies the partner's orders to /output/orders.json. The token is sealed: what this code holds is a placeholder, and
// the real one goes into the request on its way out, to the partner's host only.
//
//   input   {"baseUrl"?: where the partner's API is}
//   result  {orders, pages, totalCents}
import { defineJob } from "mayfly";

interface Order {
  id: string;
  totalCents: number;
}

interface Page {
  orders: Order[];
  /** Cursor of the next page; null after the last one. */
  next: string | null;
}

export default defineJob(async ({ input, credential, files, log, signal }) => {
  const { baseUrl = "http://127.0.0.1:7421" } = (input ?? {}) as { baseUrl?: string };
  const token = await credential.fetch();
  const orders: Order[] = [];
  let pages = 0;
  let next: string | null = "";

  while (next !== null) {
    const cursor = next === "" ? "" : `&cursor=${encodeURIComponent(next)}`;
    const response = await fetch(`${baseUrl}/v1/orders?limit=100${cursor}`, {
      headers: { authorization: `Bearer ${token}` },
      signal,
    });
    if (!response.ok) throw new Error(`the partner answered ${response.status} for page ${pages + 1}`);
    const page = (await response.json()) as Page;
    orders.push(...page.orders);
    pages += 1;
    next = page.next;
    log.debug("page", { page: pages, orders: page.orders.length });
  }

  const totalCents = orders.reduce((sum, order) => sum + order.totalCents, 0);
  await files.write("/output/orders.json", JSON.stringify(orders, null, 2));
  log.info("orders copied", { orders: orders.length, pages });
  return { orders: orders.length, pages, totalCents };
});
