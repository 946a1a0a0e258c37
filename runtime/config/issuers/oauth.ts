// Access tokens of an OAuth 2 authorization server.
import type { SecretSource, Transport } from "../../model/issuer.ts";
import { formatDuration } from "../../model/units.ts";
import type { Duration } from "../author.ts";
import { problem, Unfit } from "../problems.ts";
import { choice, duration, leaf, list, object, secretSource, text, word } from "../values.ts";
import {
  type AuthorSecretSource,
  type AuthorTransport,
  absoluteSource,
  check,
  type IssuerKind,
  type IssuerWords,
  parseTransport,
  transportShape,
} from "./kind.ts";

export interface AuthorOauthIssuer extends AuthorTransport {
  kind: "oauth";
  /** The server's issuer identifier; its metadata is found from there (RFC 8414, OpenID Connect Discovery). */
  server: string;
  /** Mayfly's own client there: asks introspection, and in mode "token" for tokens. Its id, and one way to show itself. */
  client:
    | { id: string; secret: AuthorSecretSource }
    /** A private key, PEM or JWK (RFC 7523). */
    | { id: string; key: AuthorSecretSource }
    /** The certificate of `tls` (RFC 8705). */
    | { id: string; tls: "client" };
  /**
   * "registration" (default): a client of its own for each run, deleted with it, so that a token whose answer was lost in a
   * crash ends too. "token": tokens of Mayfly's client, revoked one by one; a lost one lives until it expires.
   */
  mode?: "registration" | "token";
  /** Mode "registration": where the initial access token is found (RFC 7591, 1.2); absent where anybody may register. */
  initialToken?: AuthorSecretSource;
  /** The longest life of the server's access tokens: a longer one is refused, and a lost one is dead after it. At most "1h". */
  tokenLife: Duration;
  /**
   * Mode "token": what the server lacks, and you accept. "revocation": tokens end by expiring only. "introspection": no death
   * is proven before that. With either, tokenLife is at most "5m".
   */
  without?: readonly ("revocation" | "introspection")[];
  /** Default "client_credentials". "token-exchange": in exchange for the run's identity (RFC 8693). */
  grant?: "client_credentials" | "token-exchange";
  /** The server's name for where tokens are to be good. */
  audience?: string;
  /** URI of where tokens are to be good (RFC 8707). */
  resource?: string;
  /** Grant "token-exchange": the `sub` that its tokens have. Default: the run's own SPIFFE ID. */
  subject?: string;
}

export interface OauthIssuerConfig {
  kind: "oauth";
  name: string;
  server: URL;
  transport: Transport;
  client: { id: string } & ({ secret: SecretSource } | { key: SecretSource } | { tls: "client" });
  mode: { kind: "registration"; initial: SecretSource | null } | { kind: "token" };
  /** ms. */
  tokenLifeMs: number;
  without: readonly ("revocation" | "introspection")[];
  grant: "client_credentials" | "token-exchange";
  audience: string | null;
  resource: string | null;
  subject: string | null;
}

/** Longer ones are for people who sit before a browser. */
const tokenLifeMsMax = 3_600_000;
/** What can't be ended, or not be proven, is in whoever's hands it fell for so long: as long as an identity lives at most. */
const unendingLifeMsMax = 300_000;

const serverUrl = leaf((value) => {
  const needed = "the server's issuer identifier, such as https://login.example/realms/ops";
  const url = typeof value === "string" && value.length <= 1_024 ? URL.parse(value) : null;
  const plain = url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
  return plain && !/[?#]/.test(value as string) ? url : new Unfit(needed);
});

const printable = (needed: string) => text(needed, /^[\x21-\x7e]+$/);

const shape = object({
  kind: choice(["oauth"]),
  server: serverUrl,
  client: object({
    id: text("the client's id at the server", /^[\x20-\x7e]+$/, 256),
    secret: secretSource.optional(),
    key: secretSource.optional(),
    tls: word("client").optional(),
  }),
  mode: choice(["registration", "token"]).optional(),
  initialToken: secretSource.optional(),
  tokenLife: duration(tokenLifeMsMax, 1_000),
  without: list(choice(["revocation", "introspection"]), 'a list of "revocation" and "introspection"').optional(),
  grant: choice(["client_credentials", "token-exchange"]).optional(),
  audience: printable("the server's name for the resource").optional(),
  resource: printable("the resource's URI").optional(),
  subject: printable("the subject of its tokens").optional(),
  ...transportShape,
});

export const oauthKind: IssuerKind<"oauth", OauthIssuerConfig> = {
  kind: "oauth",
  about: "OAuth 2 access tokens",
  deliveries: ["sealed", "revealed"],
  place: "text",
  parse(value, at) {
    const words = check(shape, value, at.path, at.problems)?.value;
    if (words === undefined) return undefined;
    const before = at.problems.length;
    const transport = parseTransport(words, [{ key: "server", url: words.server }], at);
    const client = relateClient(words.client, transport, at);
    const { mode = "registration", grant = "client_credentials", without = [] } = words;
    relate({ ...words, mode, grant, without }, at);
    if (client === undefined || at.problems.length > before) return undefined;
    const { initialToken: initial, server, tokenLife: tokenLifeMs } = words;
    const { audience = null, resource = null, subject = null } = words;
    return {
      ...{ kind: "oauth", name: at.name, server, transport, client, tokenLifeMs, without, grant },
      ...{ audience, resource, subject },
      mode:
        mode === "token"
          ? { kind: "token" }
          : { kind: "registration", initial: initial === undefined ? null : absoluteSource(initial, at.directory) },
    };
  },
};

interface ClientWords {
  id: string;
  secret?: SecretSource | undefined;
  key?: SecretSource | undefined;
  tls?: "client" | undefined;
}

function relateClient(
  { id, secret, key, tls }: ClientWords,
  transport: Transport,
  { directory, path, problems }: IssuerWords,
): OauthIssuerConfig["client"] | undefined {
  const at = [...path, "client"];
  const ways = { secret, key, tls };
  const found = Object.entries(ways).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (found.length !== 1) {
    problems.push(problem(at, found.join(" and ") || "an id alone", "one of secret, key and tls"));
    return undefined;
  }
  if (secret !== undefined) return { id, secret: absoluteSource(secret, directory) };
  if (key !== undefined) return { id, key: absoluteSource(key, directory) };
  if (transport.client === null)
    problems.push(problem([...path, "tls"], "no certificate", "the one that the client shows"));
  return { id, tls: "client" };
}

interface Related {
  mode: "registration" | "token";
  grant: "client_credentials" | "token-exchange";
  without: readonly string[];
  tokenLife: number;
  initialToken?: unknown;
  subject?: unknown;
}

function relate(words: Related, { path, problems }: IssuerWords): void {
  const { mode, without, tokenLife } = words;
  if (mode === "token" && words.initialToken !== undefined) {
    problems.push(problem([...path, "initialToken"], 'it with mode "token"', 'no such key, or mode "registration"'));
  }
  if (mode === "registration" && without.length > 0) {
    const needed = 'no such key, or mode "token": a client for each run needs both';
    problems.push(problem([...path, "without"], 'it with mode "registration"', needed));
  }
  if (words.grant !== "token-exchange" && words.subject !== undefined) {
    problems.push(
      problem([...path, "subject"], `it with grant "${words.grant}"`, 'no such key, or grant "token-exchange"'),
    );
  }
  if (without.length > 0 && tokenLife > unendingLifeMsMax) {
    const needed = `at most ${formatDuration(unendingLifeMsMax)} without ${without.join(" and ")}`;
    problems.push(problem([...path, "tokenLife"], formatDuration(tokenLife), needed));
  }
}
