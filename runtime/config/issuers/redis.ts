// Redis ACL users: one user a run.
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

export interface AuthorRedisIssuer extends AuthorTransport {
  kind: "redis";
  /**
   * Where the URL of a user that may make users is found, never the URL itself: `rediss://user:password@host:port`, or
   * `redis://…` (plaintext) on a loopback address.
   */
  url: AuthorSecretSource;
}

export interface RedisIssuerConfig {
  kind: "redis";
  name: string;
  url: SecretSource;
  transport: Transport;
}

const shape = object({ kind: choice(["redis"]), url: secretSource, ...transportShape });

export const redisKind: IssuerKind<"redis", RedisIssuerConfig> = {
  kind: "redis",
  about: "Redis ACL users",
  deliveries: ["command"],
  place: null,
  parse(value, at) {
    const words = check(shape, value, at.path, at.problems)?.value;
    if (words === undefined) return undefined;
    // Whether the URL is plaintext to another machine is seen when it is read (adapters/issuers/redis-connection.ts).
    const transport = parseTransport(words, [], at);
    return { kind: "redis", name: at.name, url: absoluteSource(words.url, at.directory), transport };
  },
};
