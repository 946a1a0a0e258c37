// Supabase's data API, which is PostgREST (https://docs.postgrest.org/en/stable/references/api.html).
import assert from "node:assert/strict";
import type { Vendor } from "../vendor.ts";

export const supabase: Vendor = {
  credential: { header: "authorization", scheme: "Bearer" },
  allow: ["GET,POST /rest/v1/*"],
  answer({ method, path, query, headers, json }) {
    assert.equal(headers.apikey, "sb_publishable_example");
    if (path === "/rest/v1/none") {
      const message = "Could not find the table 'public.none' in the schema cache";
      return { status: 404, json: { code: "PGRST205", details: null, hint: null, message } };
    }
    if (path === "/rest/v1/rpc/sum_of_orders") {
      assert.deepEqual(json(), { city: "Bern" });
      return { json: 22.5 };
    }
    if (path !== "/rest/v1/orders") return undefined;
    if (method === "GET") {
      assert.deepEqual(Object.fromEntries(query), { select: "id,total", total: "gt.5", order: "id.desc", limit: "2" });
      return {
        json: [
          { id: 3, total: 8 },
          { id: 1, total: 7.5 },
        ],
      };
    }
    assert.deepEqual(json(), { total: 9 });
    assert.match(headers.prefer ?? "", /return=representation/);
    assert.match(headers.accept ?? "", /^application\/vnd\.pgrst\.object\+json/);
    return { status: 201, json: { id: 4, total: 9 } };
  },
};
