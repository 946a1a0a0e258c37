// Every kind of issuer, a line each.
import { type AuthorJwtIssuer, type JwtIssuerConfig, jwtKind } from "./jwt.ts";
import type { IssuerKind } from "./kind.ts";
import { type AuthorOauthIssuer, type OauthIssuerConfig, oauthKind } from "./oauth.ts";
import { type AuthorPostgresIssuer, type PostgresIssuerConfig, postgresKind } from "./postgres.ts";

export type IssuerConfig = JwtIssuerConfig | OauthIssuerConfig | PostgresIssuerConfig;

/** As `issuers.…` returns it. */
export type AuthorIssuer = AuthorJwtIssuer | AuthorOauthIssuer | AuthorPostgresIssuer;

export type IssuerKindName = IssuerConfig["kind"];

export const issuerKinds: { [Kind in IssuerKindName]: IssuerKind<Kind, Extract<IssuerConfig, { kind: Kind }>> } = {
  jwt: jwtKind,
  oauth: oauthKind,
  postgres: postgresKind,
};

export const issuerKindNames = Object.keys(issuerKinds) as IssuerKindName[];

export type {
  AuthorJwtIssuer,
  AuthorOauthIssuer,
  AuthorPostgresIssuer,
  JwtIssuerConfig,
  OauthIssuerConfig,
  PostgresIssuerConfig,
};
