// The sales-rollup job under its real grants, with rows of the test's own.

import { testRun } from "mayfly/testkit";
import t from "tap";

t.test("rows become a roll-up, and the job never sees a password", async (t) => {
  const asked: string[] = [];
  const run = await testRun("sales-rollup", {
    query: (sql) => {
      asked.push(sql);
      return {
        columns: ["month", "region", "sales", "quantity", "amount"],
        rows: [
          ["2026-01", "north", 2, 5, "300"],
          ["2026-02", "north", 1, 1, "500"],
        ],
      };
    },
  });
  t.equal(run.state, "succeeded", run.error?.message ?? "");
  t.equal(asked.length, 1);
  t.match(run.result, { sales: 3, amountCents: 800, best: { month: "2026-02", region: "north" } });
  t.same([...run.outputs.keys()].sort(), ["rollup.csv", "rollup.json"]);
  t.same(run.lease?.scope, ["select:public.sales"]);
  t.equal(run.lease?.states.at(-1), "revoked");
});

t.test("a database that can't be had fails the run with a stable code", async (t) => {
  const run = await testRun("sales-rollup", {
    query: () => {
      throw new Error("the connection was lost");
    },
  });
  t.equal(run.state, "failed");
  t.equal(run.error?.code, "job_threw");
  t.notMatch(run.error?.message, /connection was lost/, "what is not a known failure is not shown to the job");
});
