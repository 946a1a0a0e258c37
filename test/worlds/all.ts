// Every kind of issuer: with a real server, or being its own, or with a stand-in that says so.
import { hasRedisServer } from "../../runtime/testkit/redis-server.ts";
import { whyNoSshServer } from "../../runtime/testkit/ssh-server.ts";
import { openAwsWorld } from "./aws.ts";
import { openJwtWorld } from "./jwt.ts";
import { openOauthTokenWorld, openOauthWorld } from "./oauth.ts";
import { openPostgresWorld } from "./postgres.ts";
import { openRedisWorld } from "./redis.ts";
import { openSshWorld } from "./ssh.ts";
import { openVaultWorld } from "./vault.ts";
import type { OpenIssuerWorld } from "./world.ts";
import { openX509World } from "./x509.ts";

export const issuerWorlds: Readonly<Record<string, OpenIssuerWorld>> = {
  aws: openAwsWorld,
  jwt: openJwtWorld,
  oauth: openOauthWorld,
  "oauth-token": openOauthTokenWorld,
  postgres: openPostgresWorld,
  ...(hasRedisServer() ? { redis: openRedisWorld } : {}),
  ...(whyNoSshServer() === undefined ? { ssh: openSshWorld } : {}),
  vault: openVaultWorld,
  x509: openX509World,
};
