// Every kind of issuer that has a real server, or is its own; Redis where there is one.
import { hasRedisServer } from "../../runtime/testkit/redis-server.ts";
import { openJwtWorld } from "./jwt.ts";
import { openPostgresWorld } from "./postgres.ts";
import { openRedisWorld } from "./redis.ts";
import type { OpenIssuerWorld } from "./world.ts";

export const issuerWorlds: Readonly<Record<string, OpenIssuerWorld>> = {
  jwt: openJwtWorld,
  postgres: openPostgresWorld,
  ...(hasRedisServer() ? { redis: openRedisWorld } : {}),
};
