// Every kind of issuer, a line each.
import { type AuthorJwtIssuer, type JwtIssuerConfig, jwtKind } from "./jwt.ts";
import type { IssuerKind } from "./kind.ts";
import { type AuthorOauthIssuer, type OauthIssuerConfig, oauthKind } from "./oauth.ts";
import { type AuthorPostgresIssuer, type PostgresIssuerConfig, postgresKind } from "./postgres.ts";
import { type AuthorX509Issuer, type X509IssuerConfig, x509Kind } from "./x509.ts";

export type IssuerConfig = JwtIssuerConfig | OauthIssuerConfig | PostgresIssuerConfig | X509IssuerConfig;

/** As `issuers.…` returns it. */
export type AuthorIssuer = AuthorJwtIssuer | AuthorOauthIssuer | AuthorPostgresIssuer | AuthorX509Issuer;

export type IssuerKindName = IssuerConfig["kind"];

export const issuerKinds: { [Kind in IssuerKindName]: IssuerKind<Kind, Extract<IssuerConfig, { kind: Kind }>> } = {
  jwt: jwtKind,
  oauth: oauthKind,
  postgres: postgresKind,
  x509: x509Kind,
};

export const issuerKindNames = Object.keys(issuerKinds) as IssuerKindName[];

export type {
  AuthorJwtIssuer,
  AuthorOauthIssuer,
  AuthorPostgresIssuer,
  AuthorX509Issuer,
  JwtIssuerConfig,
  OauthIssuerConfig,
  PostgresIssuerConfig,
  X509IssuerConfig,
};
