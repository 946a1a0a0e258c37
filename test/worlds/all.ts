// Every kind of issuer that has a real server, or is its own.
import { openJwtWorld } from "./jwt.ts";
import { openOauthTokenWorld, openOauthWorld } from "./oauth.ts";
import { openPostgresWorld } from "./postgres.ts";
import type { OpenIssuerWorld } from "./world.ts";

export const issuerWorlds: Readonly<Record<string, OpenIssuerWorld>> = {
  jwt: openJwtWorld,
  oauth: openOauthWorld,
  "oauth-token": openOauthTokenWorld,
  postgres: openPostgresWorld,
};
