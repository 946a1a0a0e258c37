// Roles of a real PostgreSQL. The thief logs in with what was issued.
import { Client } from "pg";
import { startPostgres } from "../../runtime/testkit/postgres-server.ts";
import type { IssuerWorld } from "./world.ts";

export async function openPostgresWorld(): Promise<IssuerWorld> {
  const server = await startPostgres();
  const admin = new Client({ connectionString: server.adminUrl });
  await admin.connect();
  await admin.query("CREATE TABLE public.sales AS SELECT n AS id FROM generate_series(1, 10) n");
  await admin.end();
  return {
    kind: "postgres",
    issuer: { kind: "postgres", url: { env: "WORLD_PG_URL" } },
    credential: { scope: ["select:public.sales"], delivery: "query" },
    env: { WORLD_PG_URL: server.adminUrl },
    use: `await c.credential.query("SELECT count(*) FROM public.sales");`,
    async accepts({ runId, secret }, { installation }) {
      const url = new URL(server.adminUrl);
      url.username = `mayfly_${installation}_${runId.replace("run_", "")}`;
      url.password = secret;
      const thief = new Client({ connectionString: url.href });
      try {
        await thief.connect();
        return true;
      } catch {
        return false;
      } finally {
        await thief.end().catch(() => undefined);
      }
    },
    stop: () => server.stop(),
  };
}
