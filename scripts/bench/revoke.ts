// (c) From the end of a run (its `result` event) to the first refusal of its credential, as seen by somebody who has it
// and tries it all the time from another process: for a token at the partner's API, and for a database role. What the
// prober's last try took is in the figure.
import { makePostgresIssuer } from "../../runtime/adapters/issuers/postgres.ts";
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import { systemRandom } from "../../runtime/adapters/system/random.ts";
import type { CredentialIssuer } from "../../runtime/ports/credential-issuer.ts";
import { startPostgres } from "../../runtime/testkit/postgres-server.ts";
import { seedSales } from "../postgres.ts";
import { type Child, startChild } from "./child.ts";
import { type Bench, type BenchRuntime, openBenchRuntime } from "./world.ts";

const audience = "https://partner.example/orders";
const installation = "be0c4a11"; // of the roles' names
const limits = { wall: "30s" } as const;
const shared = { ttl: "1m", purpose: "benchmark" } as const;

/** Run end to the first 401, ms. */
export async function measureRevokeJwt(bench: Bench): Promise<number[]> {
  const prober = startChild("prober-jwt.ts");
  try {
    const { url: hold } = await prober.hear<{ url: string }>();
    const ours = await openBenchRuntime(bench, "revoke-jwt", {
      executor: { warm: 2 },
      issuers: { partner: { kind: "jwt", audience, listen: "127.0.0.1:0" } },
      jobs: {
        held: {
          entry: "./jobs/held-token.ts",
          credential: { ...shared, issuer: "partner", scope: ["orders:read"], delivery: "revealed" },
          network: { allow: [`GET ${hold}`] },
          limits,
        },
      },
    });
    try {
      const { url: issuerUrl } = (await ours.runtime.issuer("partner")) as CredentialIssuer & { url: string };
      prober.tell({ issuerUrl, audience });
      await prober.hear();
      return await measureRuns(bench, ours, hold, bench.quick ? 3 : 100, "JWT", async () => {
        const { status, refusedAt } = await prober.hear<{ status: number; refusedAt: number }>();
        if (status !== 401) throw new Error(`the partner answered ${status}, which is no refusal of the token`);
        return refusedAt;
      });
    } finally {
      await ours.close();
    }
  } finally {
    await prober.stop();
  }
}

/** Run end until both a query on an open session and a login have failed, ms. @param adminUrl a server; else one is started. */
export async function measureRevokePostgres(bench: Bench, adminUrl: string | undefined): Promise<number[]> {
  const server = adminUrl === undefined ? await startPostgres({ directory: bench.scratch }) : undefined;
  const prober = startChild("prober-postgres.ts");
  try {
    const { url: hold } = await prober.hear<{ url: string }>();
    const url = adminUrl ?? server?.adminUrl ?? "";
    await seedSales(url);
    const ours = await openBenchRuntime(bench, "revoke-postgres", {
      executor: { warm: 2 },
      issuers: { warehouse: { kind: "postgres", url: { env: "MAYFLY_PG_URL" } } },
      jobs: {
        held: {
          entry: "./jobs/held-query.ts",
          credential: { ...shared, issuer: "warehouse", scope: ["select:public.sales"], delivery: "query" },
          network: { allow: [`GET ${hold}`] },
          limits,
        },
      },
      world: { issuer: async () => leakyIssuer(url, prober) },
    });
    try {
      return await measureRuns(bench, ours, hold, bench.quick ? 2 : 60, "PostgreSQL", async () => {
        const { queryRefusedAt, loginRefusedAt } = await prober.hear<Record<string, number>>();
        return Math.max(queryRefusedAt ?? Number.NaN, loginRefusedAt ?? Number.NaN);
      });
    } finally {
      await ours.close();
    }
  } finally {
    await prober.stop();
    await server?.stop();
  }
}

/** The real issuer, and what no issuer does: it tells the prober each password. */
function leakyIssuer(adminUrl: string, prober: Child): CredentialIssuer {
  const parts = { name: "warehouse", adminUrl, installation, clock: systemClock, random: systemRandom };
  const issuer = makePostgresIssuer(parts);
  return {
    ...issuer,
    async issue(request, signal) {
      const issued = await issuer.issue(request, signal);
      const url = new URL(adminUrl);
      url.username = `mayfly_${installation}_${request.lease.runId.slice("run_".length)}`;
      url.password = issued.secret;
      prober.tell({ url: url.href });
      return issued;
    },
  };
}

async function measureRuns(
  bench: Bench,
  ours: BenchRuntime,
  hold: string,
  runs: number,
  name: string,
  refused: () => Promise<number>,
): Promise<number[]> {
  const found: number[] = [];
  const warmupRuns = 2;
  for (let run = -warmupRuns; run < runs; run += 1) {
    await ours.warmed();
    const [{ at, record }, refusedAt] = await Promise.all([ours.run({ hold }), refused()]);
    if (record.lease?.state !== "revoked") throw new Error(`a lease ended as ${record.lease?.state ?? "none"}`);
    if (run >= 0) found.push(refusedAt - (at.result ?? Number.NaN));
    if (run % 20 === 0) bench.say(`revocation, ${name} ${Math.max(0, run)}/${runs}`);
  }
  return found;
}
