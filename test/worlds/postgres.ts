// Roles of a real PostgreSQL. The thief logs in with what was issued.
import { Client } from "pg";
import { startPostgres } from "../../runtime/testkit/postgres-server.ts";
import type { Issued, IssuerWorld, Place } from "./world.ts";

const tooManyConnections = "53300";

export async function openPostgresWorld(): Promise<IssuerWorld> {
  const server = await startPostgres();
  const admin = new Client({ connectionString: server.adminUrl });
  await admin.connect();
  await admin.query("CREATE TABLE public.sales AS SELECT n AS id FROM generate_series(1, 10) n");
  await admin.end();
  const urlFor = ({ runId, secret }: Issued, { installation }: Place): string => {
    const url = new URL(server.adminUrl);
    url.username = `mayfly_${installation}_${runId.replace("run_", "")}`;
    url.password = secret;
    return url.href;
  };
  return {
    kind: "postgres",
    checks: "the role at login, and a session that was open",
    issuer: { kind: "postgres", url: { env: "WORLD_PG_URL" } },
    credential: { scope: ["select:public.sales"], delivery: "query" },
    env: { WORLD_PG_URL: server.adminUrl },
    use: `await c.credential.query("SELECT count(*) FROM public.sales");`,
    async accepts(issued, at) {
      const thief = new Client({ connectionString: urlFor(issued, at) });
      thief.on("error", () => {}); // cut while it was looked at
      try {
        await thief.connect();
        return true;
      } catch (error) {
        return (error as { code?: string }).code === tooManyConnections; // said to those alone whose password is right
      } finally {
        await thief.end().catch(() => undefined);
      }
    },
    async session(issued, at) {
      const thief = new Client({ connectionString: urlFor(issued, at) });
      thief.on("error", () => {}); // cut
      await thief.connect();
      return async () => {
        try {
          await thief.query("SELECT count(*) FROM public.sales");
          return true;
        } catch {
          await thief.end().catch(() => undefined);
          return false;
        }
      };
    },
    stop: () => server.stop(),
  };
}
