// The embedded issuer of JWT access tokens.
import { check } from "../problems.ts";
import { choice, listen, object, text } from "../values.ts";
import type { IssuerKind } from "./kind.ts";

export interface AuthorJwtIssuer {
  kind: "jwt";
  /** The `aud` of its tokens: the resource that takes them (RFC 7519, 4.1.3). */
  audience: string;
  /** Loopback address and port where resources find keys and introspection. Default "127.0.0.1:7420"; port 0 takes any. */
  listen?: string;
}

export interface JwtIssuerConfig {
  kind: "jwt";
  name: string;
  audience: string;
  /** Loopback; IPv6 without brackets. Port 0 takes any. */
  listen: { host: string; port: number };
}

export const defaultListen = { host: "127.0.0.1", port: 7_420 };

const shape = object({
  kind: choice(["jwt"]),
  audience: text("the resource that takes its tokens, a URL or a name", /^[\x21-\x7e]+$/),
  listen: listen.optional(),
});

export const jwtKind: IssuerKind<"jwt", JwtIssuerConfig> = {
  kind: "jwt",
  about: "embedded JWT access tokens",
  deliveries: ["sealed", "revealed"],
  place: "text",
  parse(value, { name, path, problems }) {
    const words = check(shape, value, path, problems)?.value;
    return words && { kind: "jwt", name, audience: words.audience, listen: words.listen ?? defaultListen };
  },
};
