// PostgreSQL roles: one login role a run.
import type { SecretSource, Transport } from "../../model/issuer.ts";
import { check } from "../problems.ts";
import { choice, object, secretSource } from "../values.ts";
import {
  type AuthorSecretSource,
  type AuthorTransport,
  absoluteSource,
  type IssuerKind,
  parseTransport,
  transportShape,
} from "./kind.ts";

export interface AuthorPostgresIssuer extends AuthorTransport {
  kind: "postgres";
  /**
   * Where the URL of a role that may create roles is found, never the URL itself: `postgres://user:password@host:port/database`.
   * TLS unless the host is a loopback address; there too with `tls`.
   */
  url: AuthorSecretSource;
}

export interface PostgresIssuerConfig {
  kind: "postgres";
  name: string;
  url: SecretSource;
  transport: Transport;
}

const shape = object({ kind: choice(["postgres"]), url: secretSource, ...transportShape });

export const postgresKind: IssuerKind<"postgres", PostgresIssuerConfig> = {
  kind: "postgres",
  about: "PostgreSQL roles",
  deliveries: ["query"],
  place: null,
  parse(value, at) {
    const words = check(shape, value, at.path, at.problems)?.value;
    if (words === undefined) return undefined;
    // Which host it is for is seen when the URL is read (adapters/issuers/postgres-connection.ts).
    const transport = parseTransport(words, [], at);
    return { kind: "postgres", name: at.name, url: absoluteSource(words.url, at.directory), transport };
  },
};
