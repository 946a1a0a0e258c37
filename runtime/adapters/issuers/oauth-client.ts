// How a client shows the server that it is the one: a secret (RFC 6749, 2.3.1), a signature (RFC 7523), or the certificate
// of the connection (RFC 8705). Answers for reading a private key as it lies in a file, and for making the one that a run's
// client has: that one never leaves this process, so nobody else is ever that client.
import { createPrivateKey } from "node:crypto";
import { exportJWK, generateKeyPair, importJWK, type JWK } from "jose";
import * as oauth from "oauth4webapi";
import { MayflyError } from "../../model/error.ts";
import type { Caller } from "./oauth-server.ts";

/** Mayfly's own client at the server, with what the config's sources hold. */
export type OauthClient = { id: string } & (
  | { secret: string }
  /** PEM (PKCS #8), or a JWK with `alg` and perhaps `kid`. */
  | { key: string }
  /** The certificate of the transport. */
  | { tls: "client" }
);

/** @throws MayflyError `secret_missing` for what is no private key; never with anything of it. */
export async function makeCaller(client: OauthClient, issuer: string): Promise<Caller> {
  if ("secret" in client) {
    return { client: { client_id: client.id }, authenticate: oauth.ClientSecretBasic(client.secret) };
  }
  if ("tls" in client) {
    const asked = { client_id: client.id, use_mtls_endpoint_aliases: true };
    return { client: asked, authenticate: oauth.TlsClientAuth() };
  }
  const { key, kid } = await readKey(client.key, issuer);
  return {
    client: { client_id: client.id },
    authenticate: oauth.PrivateKeyJwt(kid === undefined ? key : { key, kid }),
  };
}

/** How a run's client will show itself, and what the server has to know of it. */
export interface OwnClient {
  metadata: Record<string, unknown>;
  /** @param registered what the server answered. */
  caller(registered: { client_id: string; client_secret?: unknown }): Caller | undefined;
}

/** By a key of its own where the server takes signatures: then no secret of it is on the way, or in the server. */
export async function makeOwnClient(server: oauth.AuthorizationServer): Promise<OwnClient> {
  const methods = server.token_endpoint_auth_methods_supported ?? [];
  const algorithms = server.token_endpoint_auth_signing_alg_values_supported ?? ["ES256"];
  if (!methods.includes("private_key_jwt") || !algorithms.includes("ES256")) {
    return {
      metadata: { token_endpoint_auth_method: "client_secret_basic" },
      caller({ client_id, client_secret }) {
        if (typeof client_secret !== "string" || client_secret === "") return undefined;
        return { client: { client_id }, authenticate: oauth.ClientSecretBasic(client_secret) };
      },
    };
  }
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const key = { ...(await exportJWK(publicKey)), alg: "ES256", use: "sig" };
  return {
    metadata: {
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "ES256",
      jwks: { keys: [key] },
    },
    caller: ({ client_id }) => ({ client: { client_id }, authenticate: oauth.PrivateKeyJwt(privateKey) }),
  };
}

async function readKey(text: string, issuer: string): Promise<{ key: CryptoKey; kid: string | undefined }> {
  try {
    const jwk = text.startsWith("{")
      ? (JSON.parse(text) as JWK)
      : (createPrivateKey(text).export({ format: "jwk" }) as JWK);
    const key = await importJWK(jwk, jwk.alg ?? algorithmOf(jwk));
    if (!(key instanceof CryptoKey) || key.type !== "private") throw new TypeError("no private key");
    return { key, kid: jwk.kid };
  } catch {
    throw new MayflyError({
      code: "secret_missing",
      message: `issuer ${issuer} has no key to sign with: what its source holds is no private key that can be used`,
      needed: "PEM (PKCS #8) or a JWK, for ES256, ES384, Ed25519 or RSA (PS256, unless the JWK's alg says RS256)",
    });
  }
}

function algorithmOf({ kty, crv }: JWK): string {
  if (kty === "RSA") return "PS256";
  return { "P-256": "ES256", "P-384": "ES384", "P-521": "ES512", Ed25519: "Ed25519" }[crv ?? ""] ?? "none";
}
