// ACL users of a real Redis. The thief logs in with what was issued, by a client that isn't ours.
import { createClient } from "@redis/client";
import { startRedis } from "../../runtime/testkit/redis-server.ts";
import type { Issued, IssuerWorld, Place } from "./world.ts";

export async function openRedisWorld(): Promise<IssuerWorld> {
  const server = await startRedis();
  const openFor = async ({ runId, secret }: Issued, { installation }: Place) => {
    const url = new URL(server.rootUrl);
    url.username = `mayfly_${installation}_${runId.replace("run_", "")}`;
    url.password = secret;
    const thief = createClient({
      ...{ url: url.href, disableOfflineQueue: true, disableClientInfo: true, maintNotifications: "disabled" },
      socket: { reconnectStrategy: false },
    });
    thief.on("error", () => {}); // cut
    await thief.connect();
    return thief;
  };
  return {
    kind: "redis",
    checks: "the user at login, and a session that was open",
    issuer: { kind: "redis", url: { env: "WORLD_REDIS_URL" } },
    credential: { scope: ["incr:visits:*"], delivery: "command" },
    env: { WORLD_REDIS_URL: server.adminUrl },
    use: `await c.credential.command("INCR", "visits:world");`,
    async accepts(issued, at) {
      try {
        (await openFor(issued, at)).destroy();
        return true;
      } catch {
        return false;
      }
    },
    async session(issued, at) {
      const thief = await openFor(issued, at);
      return async () => {
        try {
          await thief.incr("visits:thief");
          return true;
        } catch {
          thief.destroy();
          return false;
        }
      };
    },
    stop: () => server.stop(),
  };
}
