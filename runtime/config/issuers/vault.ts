// Dynamic credentials of HashiCorp Vault and OpenBao.
import type { SecretSource, Transport } from "../../model/issuer.ts";
import type { Duration } from "../author.ts";
import { problem, Unfit } from "../problems.ts";
import { choice, duration, leaf, list, object, record, secretSource, text } from "../values.ts";
import {
  type AuthorSecretSource,
  type AuthorTransport,
  absoluteSource,
  check,
  type IssuerKind,
  parseTransport,
  transportShape,
} from "./kind.ts";

export interface AuthorVaultIssuer extends AuthorTransport {
  kind: "vault";
  /** Of the active node, or of what stands before it: redirects are not followed. */
  url: string;
  /** "team-a" or "team-a/apps". */
  namespace?: string;
  /** The JWT auth method that takes the run's identity: its mount (default "jwt"), the role, and the role's bound audience. */
  login: { mount?: string; role: string; audience: string };
  /** Paths of dynamic secrets engines that jobs may name as their scope, and which fields of the answer are the credential. */
  credentials: Record<string, AuthorVaultCredential>;
  /** Where a token is found that may revoke and look up by accessor and lease. Without it, logins' own tokens are kept, sealed. */
  management?: AuthorSecretSource;
  /** Answers come wrapped for so long, and are unwrapped by the supervisor: whoever opened one on the way is found out. */
  wrap?: Duration;
}

export interface AuthorVaultCredential {
  /** The field that is the secret, or several: JSON of them then. Each gives the credential away by itself. */
  secret: string | readonly string[];
  /** Fields that go with it and are no secret: "username". The credential is JSON then. */
  with?: readonly string[];
}

export interface VaultIssuerConfig {
  kind: "vault";
  name: string;
  url: URL;
  namespace: string | null;
  transport: Transport;
  login: { mount: string; role: string; audience: string };
  credentials: ReadonlyMap<string, { secret: readonly string[]; with: readonly string[] }>;
  management: SecretSource | null;
  /** Seconds; null: not wrapped. */
  wrapS: number | null;
}

/** A wrapping token is used at once; five minutes bridge any pause that isn't an attack. */
const wrapMsMax = 300_000;
const pathPattern = /^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)+$/;
const pathNeeded = "a path such as database/creds/readonly, without a slash before or behind";
/** What a token is for, not what an engine gives: a lease there would be of another kind, or none. */
const pathsRefused = /^(?:sys|auth|identity|cubbyhole)\/|(?:^|\/)\.{1,2}(?:\/|$)/;

const serverUrl = leaf((value) => {
  const url = typeof value === "string" && value.length <= 1_024 ? URL.parse(value) : null;
  const isPlain = url !== null && url.username === "" && url.password === "" && url.search === "" && url.hash === "";
  const fits = isPlain && /^https?:$/.test(url.protocol) && url.pathname === "/";
  return fits ? url : new Unfit("a URL without path, such as https://vault.example:8200");
});
const mountPath = (needed: string) => text(needed, /^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/, 256);
const field = text("the name of a field", /^[A-Za-z0-9_.-]+$/, 128);
const fields = list(field, "a list of fields").min(1, { error: "at least one field" });

const credentialShape = object({
  secret: leaf((value) => {
    const parsed = (typeof value === "string" ? field.transform((one) => [one]) : fields).safeParse(value);
    return parsed.success ? parsed.data : new Unfit("the name of a field, or a list of them");
  }),
  with: fields.optional(),
});

const shape = object({
  kind: choice(["vault"]),
  url: serverUrl,
  namespace: mountPath('a namespace such as "team-a", without a slash at its end').optional(),
  login: object({
    mount: mountPath('the mount of a JWT auth method, such as "jwt"').optional(),
    role: text("the name of a role", /^[A-Za-z0-9_.-]+$/, 128),
    audience: text("an audience: a URL or a name", /^[\x21-\x7e]+$/, 512),
  }),
  credentials: record("an object of paths to fields"),
  management: secretSource.optional(),
  wrap: duration(wrapMsMax, 1_000).optional(),
  ...transportShape,
});

export const vaultKind: IssuerKind<"vault", VaultIssuerConfig> = {
  kind: "vault",
  about: "dynamic credentials of Vault or OpenBao",
  deliveries: ["sealed", "revealed"],
  place: "text",
  parse(value, at) {
    const { name, directory, path, problems } = at;
    const words = check(shape, value, path, problems)?.value;
    if (words === undefined) return undefined;
    const { url, namespace, login, management, wrap } = words;
    const transport = parseTransport(words, [{ key: "url", url }], at);
    const credentials = new Map<string, { secret: readonly string[]; with: readonly string[] }>();
    for (const [engine, entry] of Object.entries(words.credentials)) {
      const here = [...path, "credentials", engine];
      if (!pathPattern.test(engine) || pathsRefused.test(`${engine}/`) || engine.length > 256)
        problems.push(problem(here, "such a path", pathNeeded));
      const parsed = check(credentialShape, entry, here, problems)?.value;
      if (parsed === undefined) continue;
      const all = [...parsed.secret, ...(parsed.with ?? [])];
      if (new Set(all).size < all.length) problems.push(problem(here, "a field twice", "each field once"));
      credentials.set(engine, { secret: parsed.secret, with: parsed.with ?? [] });
    }
    if (Object.keys(words.credentials).length === 0)
      problems.push(problem([...path, "credentials"], "none", "at least one path"));
    return {
      ...{ kind: "vault", name, url, namespace: namespace ?? null, transport, credentials },
      login: { mount: login.mount ?? "jwt", role: login.role, audience: login.audience },
      management: management === undefined ? null : absoluteSource(management, directory),
      wrapS: wrap === undefined ? null : Math.floor(wrap / 1_000),
    };
  },
};
