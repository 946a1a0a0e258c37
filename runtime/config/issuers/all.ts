// Every kind of issuer, a line each.
import { type AuthorAwsIssuer, type AwsIssuerConfig, awsKind } from "./aws.ts";
import { type AuthorJwtIssuer, type JwtIssuerConfig, jwtKind } from "./jwt.ts";
import type { IssuerKind } from "./kind.ts";
import { type AuthorOauthIssuer, type OauthIssuerConfig, oauthKind } from "./oauth.ts";
import { type AuthorPostgresIssuer, type PostgresIssuerConfig, postgresKind } from "./postgres.ts";
import { type AuthorRedisIssuer, type RedisIssuerConfig, redisKind } from "./redis.ts";
import { type AuthorSshIssuer, type SshIssuerConfig, sshKind } from "./ssh.ts";
import { type AuthorVaultIssuer, type VaultIssuerConfig, vaultKind } from "./vault.ts";
import { type AuthorX509Issuer, type X509IssuerConfig, x509Kind } from "./x509.ts";

export type IssuerConfig =
  | AwsIssuerConfig
  | JwtIssuerConfig
  | OauthIssuerConfig
  | PostgresIssuerConfig
  | RedisIssuerConfig
  | SshIssuerConfig
  | VaultIssuerConfig
  | X509IssuerConfig;

/** As `issuers.…` returns it. */
export type AuthorIssuer =
  | AuthorAwsIssuer
  | AuthorJwtIssuer
  | AuthorOauthIssuer
  | AuthorPostgresIssuer
  | AuthorRedisIssuer
  | AuthorSshIssuer
  | AuthorVaultIssuer
  | AuthorX509Issuer;

export type IssuerKindName = IssuerConfig["kind"];

export const issuerKinds: { [Kind in IssuerKindName]: IssuerKind<Kind, Extract<IssuerConfig, { kind: Kind }>> } = {
  aws: awsKind,
  jwt: jwtKind,
  oauth: oauthKind,
  postgres: postgresKind,
  redis: redisKind,
  ssh: sshKind,
  vault: vaultKind,
  x509: x509Kind,
};

export const issuerKindNames = Object.keys(issuerKinds) as IssuerKindName[];

export type {
  AuthorAwsIssuer,
  AuthorJwtIssuer,
  AuthorOauthIssuer,
  AuthorPostgresIssuer,
  AuthorRedisIssuer,
  AuthorSshIssuer,
  AuthorVaultIssuer,
  AuthorX509Issuer,
  AwsIssuerConfig,
  JwtIssuerConfig,
  OauthIssuerConfig,
  PostgresIssuerConfig,
  RedisIssuerConfig,
  SshIssuerConfig,
  VaultIssuerConfig,
  X509IssuerConfig,
};
