// Stripe: customers, charges by page, and a card error (https://docs.stripe.com/api).
import assert from "node:assert/strict";
import type { Vendor } from "../vendor.ts";

const charge = (id: string) => ({ id, object: "charge", amount: 750, currency: "chf" });

export const stripe: Vendor = {
  credential: { header: "authorization", scheme: "Bearer" },
  allow: ["POST /v1/customers", "GET,POST /v1/charges"],
  answer({ method, path, query, headers, text }) {
    assert.match(headers["stripe-version"] ?? "", /^\d{4}-\d\d-\d\d/);
    const form = Object.fromEntries(new URLSearchParams(text));
    if (method === "POST") assert.equal(headers["content-type"], "application/x-www-form-urlencoded");
    if (path === "/v1/customers") {
      assert.equal(headers["idempotency-key"], "order-7");
      assert.deepEqual(form, { email: "ada@example.org", "metadata[order]": "7" });
      return { json: { id: "cus_1", object: "customer", email: form.email, metadata: { order: "7" } } };
    }
    if (path !== "/v1/charges") return undefined;
    if (method === "POST") {
      assert.deepEqual(form, { amount: "0", currency: "chf" });
      const error = {
        type: "invalid_request_error",
        code: "amount_too_small",
        message: "Amount must be more.",
        param: "amount",
      };
      return { status: 400, headers: { "request-id": "req_1" }, json: { error } };
    }
    assert.equal(query.get("customer"), "cus_1");
    assert.equal(query.get("limit"), "2");
    const after = query.get("starting_after");
    assert.ok(after === null || after === "ch_2", `starting_after is ${after}`);
    const [data, has_more] = after === null ? [[charge("ch_1"), charge("ch_2")], true] : [[charge("ch_3")], false];
    return { json: { object: "list", url: "/v1/charges", data, has_more } };
  },
};
