// The order-sync job under its real grants: a stand-in for the token, handlers for the partner.

import { manualClock, testRun } from "mayfly/testkit";
import t from "tap";

const orders = "http://127.0.0.1:7421/v1/orders";

t.test("pages are followed to the end, and the token reaches the partner only", async (t) => {
  const run = await testRun("order-sync", {
    network: {
      [`GET ${orders}*`]: ({ url }) =>
        url.includes("cursor=two")
          ? { json: { orders: [{ id: "b", totalCents: 250 }], next: null } }
          : { json: { orders: [{ id: "a", totalCents: 100 }], next: "two" } },
    },
  });
  t.equal(run.state, "succeeded", run.error?.message ?? "");
  t.same(run.result, { orders: 2, pages: 2, totalCents: 350 });
  t.same(
    run.requests.map(({ url }) => url),
    [`${orders}?limit=100`, `${orders}?limit=100&cursor=two`],
  );
  for (const { headers } of run.requests) t.match(headers.authorization, /^Bearer stand-in-credential-1-of-run_/);
  const written = JSON.parse(new TextDecoder().decode(run.outputs.get("orders.json")));
  t.same(written, [
    { id: "a", totalCents: 100 },
    { id: "b", totalCents: 250 },
  ]);
  t.same(run.lease?.states, ["intended", "issued", "revoking", "revoked"]);
  t.notMatch(JSON.stringify(run.record), /stand-in-credential/, "the record does not have the token");
  t.notMatch(JSON.stringify(run.logs), /stand-in-credential/, "the log does not have it");
});

t.test("a partner that refuses the token fails the run and leaves no lease", async (t) => {
  const run = await testRun("order-sync", { network: { [`GET ${orders}*`]: () => ({ status: 401 }) } });
  t.equal(run.state, "failed");
  t.match(run.error, { code: "job_threw", message: /answered 401/, source: { file: "jobs/order-sync.ts" } });
  t.equal(run.lease?.states.at(-1), "revoked");
});

t.test("another host than the partner's is refused, and nothing is sent there", async (t) => {
  const run = await testRun("order-sync", {
    input: { baseUrl: "https://elsewhere.example" },
    network: { "GET https://elsewhere.example/*": () => ({ json: { orders: [], next: null } }) },
  });
  t.equal(run.state, "failed");
  t.match(run.denials, [{ capability: "http.request", code: "not_allowed" }]);
  t.same(run.requests, []);
});

t.test("a job's clock stands where the test put it", async (t) => {
  const clock = manualClock("2026-03-01T00:00:00Z");
  const run = await testRun("order-sync", {
    clock,
    network: { [`GET ${orders}*`]: () => ({ json: { orders: [], next: null } }) },
  });
  t.equal(run.state, "succeeded", run.error?.message ?? "");
  t.equal(clock.nowMs(), Date.parse("2026-03-01T00:00:00Z"));
});
