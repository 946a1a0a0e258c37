// Where the key is that wraps all others, and how long a signing key signs.
import { resolve } from "node:path";
import type { OuterSource, Transport } from "../model/issuer.ts";
import type { Duration } from "./author.ts";
import { type AuthorTransport, absoluteSource, parseTransport, transportShape } from "./issuers/kind.ts";
import { check, type Path, type Problem, Unfit } from "./problems.ts";
import { choice, duration, leaf, object, outerSource, relativePath, text } from "./values.ts";

interface AuthorRotation {
  /** A signing key of the embedded issuer signs for so long. Default "30d", at least "1h". */
  rotation?: Duration;
}

/** Where the PIN or token is found that opens the provider; nothing that it wraps could hold it. */
type AuthorOuterSource = { env: string } | { file: string };

export interface AuthorFileKeys extends AuthorRotation {
  provider: "file";
}

export interface AuthorPkcs11Keys extends AuthorRotation {
  provider: "pkcs11";
  /** The module's shared library: "/usr/lib/softhsm/libsofthsm2.so". */
  module: string;
  /** The token's label. */
  token: string;
  /** The user's PIN. */
  pin: AuthorOuterSource;
  /** Label of the wrapping keys in the token. Default "mayfly". */
  key?: string;
}

export interface AuthorTransitKeys extends AuthorRotation, AuthorTransport {
  provider: "transit";
  /** Of Vault or OpenBao: "https://vault.example:8200". */
  url: string;
  /** Name of a Transit key of type aes256-gcm96, which its operator has made. */
  key: string;
  /** A token that may encrypt and decrypt with it. A file is read again when the token is refused: an agent may renew it. */
  token: AuthorOuterSource;
  /** Where the engine is mounted. Default "transit". */
  mount?: string;
  namespace?: string;
}

export type AuthorKeys = AuthorFileKeys | AuthorPkcs11Keys | AuthorTransitKeys;

/** How long a signing key signs, ms. */
interface Rotation {
  rotationMs: number;
}

export type KeysConfig = Rotation &
  (
    | { provider: "file" }
    | { provider: "pkcs11"; module: string; token: string; pin: OuterSource; key: string }
    | {
        provider: "transit";
        /** Without a slash at its end. */
        url: string;
        mount: string;
        namespace: string | null;
        key: string;
        token: OuterSource;
        transport: Transport;
      }
  );

/** The places for the key that wraps all others. They return plain data. */
export const keys = {
  /** In a file of the state directory: the default. Whoever can read it can open all that is sealed. */
  file(options: Omit<AuthorFileKeys, "provider"> = {}): AuthorFileKeys {
    return { ...options, provider: "file" };
  },
  /** In a hardware security module, which never gives it out. */
  pkcs11(options: Omit<AuthorPkcs11Keys, "provider">): AuthorPkcs11Keys {
    return { ...options, provider: "pkcs11" };
  },
  /** In Vault or OpenBao (Transit), which never gives it out. */
  transit(options: Omit<AuthorTransitKeys, "provider">): AuthorTransitKeys {
    return { ...options, provider: "transit" };
  },
};

/** With shorter periods a set of keys would outgrow its bound within a token's life: jwt-keys.ts. */
const rotationMsMin = 3_600_000;
const rotationMsMax = 366 * 86_400_000;
const rotationMsDefault = 30 * 86_400_000;

const rotation = { rotation: duration(rotationMsMax, rotationMsMin).optional() };
const label = (needed: string) => text(needed, /^[\x20-\x7e]*[\x21-\x7e]$/, 32);
const pathName = (needed: string) => text(needed, /^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/, 128);

const serverUrl = leaf((value) => {
  const needed = 'a URL such as "https://vault.example:8200", without path, user or query';
  if (typeof value !== "string" || !URL.canParse(value)) return new Unfit(needed);
  const url = new URL(value);
  const isPlain =
    url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "" && url.password === "";
  return isPlain && ["http:", "https:"].includes(url.protocol) ? url : new Unfit(needed);
});

const shapes = {
  file: object({ provider: choice(["file"]), ...rotation }),
  pkcs11: object({
    provider: choice(["pkcs11"]),
    module: relativePath,
    token: label("the token's label: at most 32 printable characters"),
    pin: outerSource,
    key: label("a label of at most 32 printable characters").optional(),
    ...rotation,
  }),
  transit: object({
    provider: choice(["transit"]),
    url: serverUrl,
    key: text("the name of a Transit key", /^[A-Za-z0-9_.-]+$/, 128),
    token: outerSource,
    mount: pathName('where the engine is mounted, such as "transit"').optional(),
    namespace: pathName('a namespace such as "team-a"').optional(),
    ...transportShape,
    ...rotation,
  }),
};

const providerShape = object({ provider: choice(Object.keys(shapes) as (keyof typeof shapes)[]) }).loose();

const path: Path = ["keys"];
const fallback: KeysConfig = { provider: "file", rotationMs: rotationMsDefault };

export function parseKeys(value: unknown, directory: string, problems: Problem[]): KeysConfig {
  if (value === undefined) return fallback;
  const provider = check(providerShape, value, path, problems)?.value.provider;
  if (provider === "pkcs11") return pkcs11(value, directory, problems) ?? fallback;
  if (provider === "transit") return transit(value, directory, problems) ?? fallback;
  const words = provider === undefined ? undefined : check(shapes.file, value, path, problems)?.value;
  return { provider: "file", rotationMs: words?.rotation ?? rotationMsDefault };
}

function pkcs11(value: unknown, directory: string, problems: Problem[]): KeysConfig | undefined {
  const words = check(shapes.pkcs11, value, path, problems)?.value;
  if (words === undefined) return undefined;
  return {
    provider: "pkcs11",
    module: resolve(directory, words.module),
    token: words.token,
    pin: absoluteSource(words.pin, directory),
    key: words.key ?? "mayfly",
    rotationMs: words.rotation ?? rotationMsDefault,
  };
}

function transit(value: unknown, directory: string, problems: Problem[]): KeysConfig | undefined {
  const words = check(shapes.transit, value, path, problems)?.value;
  if (words === undefined) return undefined;
  const at = { name: "keys", directory, path, problems };
  return {
    provider: "transit",
    url: words.url.origin,
    mount: words.mount ?? "transit",
    namespace: words.namespace ?? null,
    key: words.key,
    token: absoluteSource(words.token, directory),
    transport: parseTransport(words, [{ key: "url", url: words.url }], at),
    rotationMs: words.rotation ?? rotationMsDefault,
  };
}
