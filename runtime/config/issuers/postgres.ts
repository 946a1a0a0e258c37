// PostgreSQL roles: one login role a run.
import type { SecretSource } from "../../model/issuer.ts";
import { check } from "../problems.ts";
import { choice, object, secretSource } from "../values.ts";
import { type AuthorSecretSource, absoluteSource, type IssuerKind } from "./kind.ts";

export interface AuthorPostgresIssuer {
  kind: "postgres";
  /** Where the connection URL of a role that may create roles is found; never the URL itself. */
  url: AuthorSecretSource;
}

export interface PostgresIssuerConfig {
  kind: "postgres";
  name: string;
  url: SecretSource;
}

const shape = object({ kind: choice(["postgres"]), url: secretSource });

export const postgresKind: IssuerKind<"postgres", PostgresIssuerConfig> = {
  kind: "postgres",
  about: "PostgreSQL roles",
  deliveries: ["query"],
  place: null,
  parse(value, { name, directory, path, problems }) {
    const words = check(shape, value, path, problems)?.value;
    return words && { kind: "postgres", name, url: absoluteSource(words.url, directory) };
  },
};
