// Every kind of issuer, a line each.
import { type AuthorJwtIssuer, type JwtIssuerConfig, jwtKind } from "./jwt.ts";
import type { IssuerKind } from "./kind.ts";
import { type AuthorPostgresIssuer, type PostgresIssuerConfig, postgresKind } from "./postgres.ts";
import { type AuthorRedisIssuer, type RedisIssuerConfig, redisKind } from "./redis.ts";

export type IssuerConfig = JwtIssuerConfig | PostgresIssuerConfig | RedisIssuerConfig;

/** As `issuers.…` returns it. */
export type AuthorIssuer = AuthorJwtIssuer | AuthorPostgresIssuer | AuthorRedisIssuer;

export type IssuerKindName = IssuerConfig["kind"];

export const issuerKinds: { [Kind in IssuerKindName]: IssuerKind<Kind, Extract<IssuerConfig, { kind: Kind }>> } = {
  jwt: jwtKind,
  postgres: postgresKind,
  redis: redisKind,
};

export const issuerKindNames = Object.keys(issuerKinds) as IssuerKindName[];

export type {
  AuthorJwtIssuer,
  AuthorPostgresIssuer,
  AuthorRedisIssuer,
  JwtIssuerConfig,
  PostgresIssuerConfig,
  RedisIssuerConfig,
};
