// Every kind of issuer that has a real server, or is its own.
import { openJwtWorld } from "./jwt.ts";
import { openPostgresWorld } from "./postgres.ts";
import type { OpenIssuerWorld } from "./world.ts";
import { openX509World } from "./x509.ts";

export const issuerWorlds: Readonly<Record<string, OpenIssuerWorld>> = {
  jwt: openJwtWorld,
  postgres: openPostgresWorld,
  x509: openX509World,
};
