// Who we are towards others: where the identities' issuer is found, and in which trust domain runs are named.
import { isLoopbackHost } from "../model/issuer.ts";
import { isTrustDomain } from "../model/spiffe.ts";
import { defaultListen } from "./issuers/jwt.ts";
import { check, type Problem, problem, Unfit } from "./problems.ts";
import { leaf, listen, object } from "./values.ts";

export interface AuthorIdentityIssuer {
  /** Loopback address and port where verifiers on this machine find keys and introspection. Default "127.0.0.1:7420", as of `issuers.jwt`. */
  listen?: string;
  /**
   * The claim `iss`, where a reverse proxy or a bucket publishes discovery and keys for verifiers elsewhere. It must pass
   * the host of this URL on. Default: the URL of `listen`.
   */
  url?: string;
  /** Of the runs' SPIFFE IDs. Default "<installation>.mayfly". */
  trustDomain?: string;
}

export interface IdentityConfig {
  listen: { host: string; port: number };
  /** null: that of the server. */
  url: string | null;
  /** null: that of the installation. */
  trustDomain: string | null;
}

const urlCharsMax = 512;

// The claim `iss` is compared letter by letter (OpenID Connect Discovery 1.0, 4.3): one spelling only.
const issuerUrl = leaf((value) => {
  const needed = 'a URL such as "https://id.example.com", without a slash at its end, query or fragment';
  if (typeof value !== "string" || value.length > urlCharsMax || !URL.canParse(value)) return new Unfit(needed);
  const url = new URL(value);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopbackHost(url.hostname)))
    return new Unfit(`${needed}; plaintext on loopback only: who changes the keys on their way is everybody's issuer`);
  const canonical = `${url.origin}${url.pathname.replace(/\/$/, "")}`;
  return value === canonical ? value : new Unfit(needed, { next: `perhaps "${canonical}"` });
});

const trustDomain = leaf((value) =>
  typeof value === "string" && isTrustDomain(value)
    ? value
    : new Unfit('a SPIFFE trust domain such as "jobs.example.com": a–z, 0–9, ".", "-" and "_"'),
);

const shape = object({ listen: listen.optional(), url: issuerUrl.optional(), trustDomain: trustDomain.optional() });

export function parseIdentity(value: unknown, problems: Problem[]): IdentityConfig {
  const words = check(shape, value ?? {}, ["identity"], problems)?.value;
  return {
    listen: words?.listen ?? defaultListen,
    url: words?.url ?? null,
    trustDomain: words?.trustDomain ?? null,
  };
}

/**
 * An identity and an access token of ours differ in their type only where their audience is one: a resource that doesn't
 * look at the type would take the first for the second, whatever scope the config grants (RFC 8725, 3.11).
 */
export function relateAudiences(
  jobs: Readonly<Record<string, { grants: { identity: { audiences: readonly string[] } | null } }>>,
  issuers: Readonly<Record<string, { kind: string; name: string; audience?: unknown }>>,
  problems: Problem[],
): void {
  for (const [name, { grants }] of Object.entries(jobs)) {
    for (const [index, audience] of (grants.identity?.audiences ?? []).entries()) {
      const taken = Object.values(issuers).find((issuer) => issuer.kind === "jwt" && issuer.audience === audience);
      if (taken === undefined) continue;
      const needed = "an audience that takes no access tokens of ours: an identity could be taken for one";
      problems.push(
        problem(["jobs", name, "identity", "audiences", index], `the audience of issuers.${taken.name}`, needed),
      );
    }
  }
}
