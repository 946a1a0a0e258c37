// What the config knows of a kind of issuer: its words, how they become data, and by which deliveries and at which places
// its credentials can be used. One file a kind beside this one, one line each in all.ts.
import { resolve } from "node:path";
import type { Delivery, SealedPlace } from "../../model/grant.ts";
import { isUsable, type OuterSource, type SecretSource, type Transport } from "../../model/issuer.ts";
import { check, type Path, type Problem, problem } from "../problems.ts";
import { object, relativePath, secretSource, word } from "../values.ts";

/** What a credential of the kind is in a request. `text` stands in a header, a parameter, a field or Basic authentication. */
export type PlaceKind = "text" | "aws4" | "tls";

export interface IssuerKind<Kind extends string, Config> {
  kind: Kind;
  /** A few words for the reader of a list: "PostgreSQL roles". */
  about: string;
  /** The first is what an absent `delivery` would best have been. */
  deliveries: readonly Delivery[];
  /** For delivery `sealed`. */
  place: PlaceKind | null;
  /** undefined with problems. `words` is what the author wrote, `kind` included. */
  parse(words: unknown, at: IssuerWords): Config | undefined;
}

export interface IssuerWords {
  name: string;
  /** Absolute; the config's. */
  directory: string;
  path: Path;
  problems: Problem[];
}

export function placeKindOf(place: SealedPlace): PlaceKind {
  if ("aws4" in place) return "aws4";
  return "tls" in place ? "tls" : "text";
}

/** Where a root credential is found; its path becomes absolute. */
export function absoluteSource(source: OuterSource, directory: string): OuterSource;
export function absoluteSource(source: SecretSource, directory: string): SecretSource;
export function absoluteSource(source: SecretSource, directory: string): SecretSource {
  return "file" in source ? { file: resolve(directory, source.file) } : source;
}

/** Where the author says that a root credential is found; `sealed` as `mayfly keys import <name>` has kept it. */
export type AuthorSecretSource = { env: string } | { file: string } | { sealed: string };

/** How the author says by which transport an issuer is reached. */
export interface AuthorTransport {
  tls?: {
    /** PEM file of the authorities that are trusted in the place of Node's own; relative to the config. */
    ca?: string;
    /** PEM file of a client certificate, its chain behind it. */
    certificate?: string;
    /** Its private key, PEM: never in the config itself. */
    key?: AuthorSecretSource;
  };
  /** "allowed": without TLS to a host that isn't loopback. Whoever is on the way can read root credentials and leases. */
  plaintext?: "allowed";
}

export const transportShape = {
  tls: object({
    ca: relativePath.optional(),
    certificate: relativePath.optional(),
    key: secretSource.optional(),
  }).optional(),
  plaintext: word("allowed").optional(),
};

/**
 * @param urls those that the issuer is reached at. One that is plaintext needs loopback, or the author's explicit word.
 */
export function parseTransport(
  words: {
    tls?: { ca?: string | undefined; certificate?: string | undefined; key?: SecretSource | undefined } | undefined;
    plaintext?: "allowed" | undefined;
  },
  urls: readonly { key: string; url: URL }[],
  { directory, path, problems }: IssuerWords,
): Transport {
  const { ca, certificate, key } = words.tls ?? {};
  if ((certificate === undefined) !== (key === undefined)) {
    const missing = certificate === undefined ? "certificate" : "key";
    problems.push(problem([...path, "tls", missing], "nothing", "certificate and key together, or neither"));
  }
  const transport: Transport = {
    ca: ca === undefined ? null : resolve(directory, ca),
    client:
      certificate === undefined || key === undefined
        ? null
        : { certificate: resolve(directory, certificate), key: absoluteSource(key, directory) },
    plaintext: words.plaintext === "allowed",
  };
  for (const { key: name, url } of urls) {
    if (isUsable(url, transport)) continue;
    const needed = `TLS (${url.protocol.replace(/:$/, "s:")}//…), or a loopback address`;
    const next = 'plaintext: "allowed" if whoever is on the way may read root credentials and leases';
    problems.push(problem([...path, name], url.protocol, needed, next));
  }
  return transport;
}

export { check };
