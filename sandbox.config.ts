// What this installation permits. Each job can do what stands under its name here, and nothing else; how each key is
// meant, with units and defaults, is in runtime/config/author.ts.
import { defineConfig, issuers } from "mayfly";

export default defineConfig({
  issuers: {
    // Mayfly's own: short-lived tokens, signed here, for the resource in scripts/partner.ts.
    partner: issuers.jwt({ audience: "https://partner.example/orders" }),
    // A login role for each run. MAYFLY_PG_URL is read when a run first needs it, so the other jobs work without.
    warehouse: issuers.postgres({ url: { env: "MAYFLY_PG_URL" } }),
  },
  jobs: {
    // No network, no credential: reads one file and writes a report.
    "dependency-report": {
      entry: "./jobs/dependency-report.ts",
      files: { mounts: { "/repo/package-lock.json": "./package-lock.json" } },
      limits: { wall: "30s", cpu: "5s" },
    },

    // Holds a placeholder; the token enters its requests on their way out, and at that host only.
    "order-sync": {
      entry: "./jobs/order-sync.ts",
      schedule: { cron: "0 2 * * *", timezone: "Europe/Zurich", overlap: "skip" },
      credential: {
        issuer: "partner",
        scope: ["orders:read"],
        ttl: "2m",
        delivery: "sealed",
        purpose: "nightly order sync",
        place: { header: "authorization" },
        hosts: ["127.0.0.1:7421"],
      },
      network: { allow: ["GET http://127.0.0.1:7421/v1/*"] },
      limits: { wall: "60s", cpu: "5s" },
    },

    // Sends SQL and gets rows; the database password never enters the sandbox.
    "sales-rollup": {
      entry: "./jobs/sales-rollup.ts",
      credential: {
        issuer: "warehouse",
        scope: ["select:public.sales"],
        ttl: "2m",
        delivery: "query",
        purpose: "sales by region and month",
        query: { rows: 10_000, time: "10s" },
      },
      limits: { wall: "60s" },
    },
  },
});
