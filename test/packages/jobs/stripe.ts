import { defineJob } from "mayfly";
import Stripe from "stripe";

export default defineJob(async ({ input, credential }) => {
  const { origin } = input as { origin: string };
  const { hostname, port } = new URL(origin);
  const stripe = new Stripe(await credential.fetch(), { host: hostname, port: Number(port), protocol: "http" });
  const customer = await stripe.customers.create(
    { email: "ada@example.org", metadata: { order: "7" } },
    { idempotencyKey: "order-7" },
  );
  const charges: string[] = [];
  for await (const { id } of stripe.charges.list({ customer: customer.id, limit: 2 })) charges.push(id);
  const declined = await stripe.charges
    .create({ amount: 0, currency: "chf" })
    .catch((error) => [error.type, error.code]);
  return { customer: customer.id, charges, declined };
});
