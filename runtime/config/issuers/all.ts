// Every kind of issuer, a line each.
import { type AuthorAwsIssuer, type AwsIssuerConfig, awsKind } from "./aws.ts";
import { type AuthorJwtIssuer, type JwtIssuerConfig, jwtKind } from "./jwt.ts";
import type { IssuerKind } from "./kind.ts";
import { type AuthorPostgresIssuer, type PostgresIssuerConfig, postgresKind } from "./postgres.ts";
import { type AuthorVaultIssuer, type VaultIssuerConfig, vaultKind } from "./vault.ts";

export type IssuerConfig = AwsIssuerConfig | JwtIssuerConfig | PostgresIssuerConfig | VaultIssuerConfig;

/** As `issuers.…` returns it. */
export type AuthorIssuer = AuthorAwsIssuer | AuthorJwtIssuer | AuthorPostgresIssuer | AuthorVaultIssuer;

export type IssuerKindName = IssuerConfig["kind"];

export const issuerKinds: { [Kind in IssuerKindName]: IssuerKind<Kind, Extract<IssuerConfig, { kind: Kind }>> } = {
  aws: awsKind,
  jwt: jwtKind,
  postgres: postgresKind,
  vault: vaultKind,
};

export const issuerKindNames = Object.keys(issuerKinds) as IssuerKindName[];

export type {
  AuthorAwsIssuer,
  AuthorJwtIssuer,
  AuthorPostgresIssuer,
  AuthorVaultIssuer,
  AwsIssuerConfig,
  JwtIssuerConfig,
  PostgresIssuerConfig,
  VaultIssuerConfig,
};
