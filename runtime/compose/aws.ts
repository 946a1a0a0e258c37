// An AWS issuer from its config: the root key read, the transport made, and the mode chosen.
import { makeAwsIssuer } from "../adapters/issuers/aws.ts";
import { makeAwsFixedIssuer } from "../adapters/issuers/aws-fixed.ts";
import type { AwsKeys } from "../adapters/issuers/aws-query.ts";
import { makeIssuerHttp } from "../adapters/issuers/issuer-http.ts";
import type { AwsIssuerConfig } from "../config.ts";
import type { SecretSource } from "../model/issuer.ts";
import type { Clock } from "../ports/clock.ts";
import type { CredentialIssuer } from "../ports/credential-issuer.ts";
import type { IdentityIssuer } from "../ports/identity.ts";

export interface AwsParts {
  installation: string;
  clock: Clock;
  identity: IdentityIssuer;
  /** @throws MayflyError `secret_missing`. */
  read(from: SecretSource): string;
}

export function awsIssuer(
  config: AwsIssuerConfig,
  { installation, clock, identity, read }: AwsParts,
): CredentialIssuer {
  const { transport, region, mode, root } = config;
  const clientKey = transport.client === null ? null : read(transport.client.key);
  const http = makeIssuerHttp({ transport, clientKey, nowMs: clock.nowMs });
  const sts = { name: "sts", url: config.sts, region, version: "2011-06-15" };
  const keys = root === null ? null : keysOf(root, read);
  if (mode.kind === "role") {
    const by = keys === null ? { identity, audience: mode.audience ?? "" } : { keys };
    return makeAwsFixedIssuer({ clock, http, sts, role: mode.arn, by });
  }
  if (keys === null) throw new RangeError("config/issuers/aws.ts lets no roles be made without a root key");
  const iam = { name: "iam", url: config.iam, region: config.iamRegion, version: "2010-05-08" };
  const { path, principal, boundary } = mode;
  return makeAwsIssuer({ installation, clock, http, sts, iam, keys, path, principal, boundary });
}

function keysOf(root: NonNullable<AwsIssuerConfig["root"]>, read: AwsParts["read"]): AwsKeys {
  const { accessKeyId, secretAccessKey, sessionToken } = root;
  return {
    accessKeyId: read(accessKeyId),
    secretAccessKey: read(secretAccessKey),
    sessionToken: sessionToken === null ? null : read(sessionToken),
  };
}
