// Where the embedded issuer is reached. Several processes of one installation share key and registry, and any one of
// them can answer for all; so the first one listens, and the others use it. Answers for telling a sibling from a
// stranger on our port, and for taking over when the sibling is gone. States: listening · using a sibling · closed;
// `ensure` goes from the second to the first when the port has become free.
import { isIPv4 } from "node:net";
import type { JWK } from "jose";
import { MayflyError, quote } from "../../model/error.ts";
import type { Clock } from "../../ports/clock.ts";
import type { TokenRegistry } from "../../ports/token-registry.ts";
import { makeTokenDesk } from "./jwt-desk.ts";
import type { SigningKeys } from "./jwt-keys.ts";
import { type JwtServer, startJwtServer, type TokenDesk } from "./jwt-server.ts";

export interface JwtEndpoint {
  /** The issuer URL, without a slash at its end. */
  readonly url: string;
  /** Checks that our endpoint is served, and serves it when nobody does. Throws MayflyError `issuer_port_taken`. */
  ensure(): Promise<void>;
  /** Asks over HTTP, as a resource does. Rejects when no proper answer came. */
  introspect(token: string, signal: AbortSignal): Promise<boolean>;
  close(): Promise<void>;
}

export interface JwtEndpointParts {
  listen: { host: string; port: number };
  /** Of identities, where it is not the server's own. */
  identityUrl: string | null;
  keys: SigningKeys;
  registry: TokenRegistry;
  clock: Clock;
}

const probeMs = 2_000;
const answerBytesMax = 65_536;

/** @throws MayflyError `config_invalid` for an address that isn't loopback, `issuer_port_taken`. */
export async function openJwtEndpoint(parts: JwtEndpointParts): Promise<JwtEndpoint> {
  const { keys, registry, clock, identityUrl } = parts;
  const { host, port } = parts.listen;
  if (!isLoopback(host)) {
    throw new MayflyError({
      code: "config_invalid",
      message: "the embedded issuer listens on loopback only",
      found: quote(host),
      needed: "127.0.0.1, another address of 127.0.0.0/8, or ::1",
      next: "Set the issuer's listen address to 127.0.0.1.",
    });
  }
  const issuerUrl = (onPort: number): string => loopbackUrl({ host, port: onPort });
  let server: JwtServer | undefined;
  let url = issuerUrl(port);

  async function ensure(): Promise<void> {
    if (server !== undefined) return;
    // What a token must say depends on the port that it came to be.
    const deskNow = () =>
      makeTokenDesk({ issuerUrls: { "at+jwt": url, JWT: identityUrl ?? url }, keys, registry, clock });
    const desk: TokenDesk = {
      introspect: (token) => deskNow().introspect(token),
      revoke: (token) => deskNow().revoke(token),
    };
    const jwks = async () => ({ keys: (await keys.published()).map(({ publicJwk }) => publicJwk) });
    await jwks(); // without keys there is nothing to serve
    try {
      server = await startJwtServer({ host, port, jwks, issuerUrl, identityUrl, desk });
      url = issuerUrl(server.port);
    } catch (error) {
      const found = codeOf(error) === "EADDRINUSE" ? await differsFromUs(url, await jwks()) : codeOf(error);
      if (found !== undefined) throw portTaken(url, found, error);
    }
  }

  await ensure();
  return {
    get url() {
      return url;
    },
    ensure,
    introspect: (token, signal) => introspectAt(`${url}/introspect`, token, signal),
    async close() {
      await server?.close();
      server = undefined;
    },
  };
}

export function loopbackUrl({ host, port }: { host: string; port: number }): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** undefined when an issuer with our URL and our key answers there; else what does. */
async function differsFromUs(url: string, own: { keys: JWK[] }): Promise<string | undefined> {
  try {
    const signal = AbortSignal.timeout(probeMs);
    const document = await getJson(`${url}/.well-known/openid-configuration`, { signal });
    if (document.issuer !== url) return "a server that is no Mayfly issuer";
    const { keys } = await getJson(`${url}/jwks`, { signal });
    const isOurs = (key: JWK | null) => own.keys.some(({ kid }) => kid === key?.kid);
    if (Array.isArray(keys) && keys.some(isOurs)) return undefined;
    return "the issuer of another installation (its keys are not ours)";
  } catch {
    return "a program that doesn't answer as an issuer";
  }
}

async function introspectAt(endpoint: string, token: string, signal: AbortSignal): Promise<boolean> {
  const { active } = await getJson(endpoint, {
    method: "POST",
    body: new URLSearchParams({ token }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(probeMs)]),
  });
  if (typeof active !== "boolean") throw new Error("an introspection answer without active");
  return active;
}

async function getJson(url: string, init: RequestInit): Promise<Record<string, unknown>> {
  const response = await fetch(url, { ...init, redirect: "error" });
  if (response.status !== 200 || response.body === null) throw new Error(`status ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) throw new Error("an answer that is too long");
    chunks.push(chunk);
  }
  const value: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  if (typeof value !== "object" || value === null) throw new Error("an answer that is no object");
  return value as Record<string, unknown>;
}

function portTaken(url: string, found: string, cause: unknown): MayflyError {
  return new MayflyError({
    code: "issuer_port_taken",
    message: `the embedded issuer can't listen at ${url}`,
    found,
    needed: "a free port, or a process of this installation that serves this issuer",
    next: "End the program that listens there, or give the issuer another port in the config.",
    cause,
  });
}

function isLoopback(host: string): boolean {
  return host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "an unknown failure";
}
