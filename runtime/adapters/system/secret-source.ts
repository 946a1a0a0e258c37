// Root credentials of issuers, and what opens the keys: read from where the config points, when first needed, and from
// nowhere else. Answers for refusing a file that others can read or change; its content is in no message.
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from "node:fs";
import { MayflyError, quote } from "../../model/error.ts";
import type { SecretSource } from "../../model/issuer.ts";

export type { SecretSource };

/** The longest is a private key with its chain, or a file of cloud credentials. */
const secretBytesMax = 65_536;

/**
 * The variable under which `readSecret` finds a sealed root credential that was opened beforehand. No variable of an
 * environment has a space in its name that a config could write.
 */
export function sealedVariable(name: string): string {
  return `sealed ${name}`;
}

/**
 * @param env the process's variables, and sealed ones as `sealedVariable` names them.
 * @param needed what it looks like, for whoever has to find it.
 * @throws MayflyError `secret_missing` that names the source; never a value.
 */
export function readSecret(
  from: SecretSource,
  env: Readonly<Record<string, string | undefined>>,
  issuer: string,
  needed = "postgres://user:password@host:port/database",
): string {
  return readSecretOf(`issuer ${issuer}`, from, env, needed);
}

/** As `readSecret`, for what is no issuer. */
export function readSecretOf(
  owner: string,
  from: SecretSource,
  env: Readonly<Record<string, string | undefined>>,
  needed: string,
): string {
  const found = (valueAt(from, env) ?? "").trim();
  if (found !== "") return found;
  throw new MayflyError({
    code: "secret_missing",
    message: `${owner} has no root credential: ${placeOf(from)} is empty or missing`,
    needed,
    next: adviceFor(from, needed),
  });
}

function valueAt(from: SecretSource, env: Readonly<Record<string, string | undefined>>): string | undefined {
  if ("env" in from) return env[from.env];
  return "sealed" in from ? env[sealedVariable(from.sealed)] : readSecretFile(from.file);
}

/** "environment variable MAYFLY_PG_URL": where it is, never what it is. */
export function placeOf(from: SecretSource): string {
  if ("env" in from) return `environment variable ${from.env}`;
  return "sealed" in from ? `sealed credential ${from.sealed}` : `file ${quote(from.file, 300)}`;
}

export function adviceFor(from: SecretSource, needed = ""): string {
  const hint = needed.startsWith("postgres:") ? "; for a try, `npm run postgres` starts a server and prints it" : "";
  if ("env" in from) return `set ${from.env}${hint}`;
  return "sealed" in from
    ? `mayfly keys import ${from.sealed}, with the credential as its input`
    : "write it there, mode 0600";
}

/** undefined when it isn't there. @throws MayflyError `secret_missing` for a file that isn't safe to trust. */
function readSecretFile(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw unsafe(path, `it can't be opened (${code})`, "a file that we can read");
  }
  try {
    const reason = unsafeReason(fstatSync(file));
    if (reason !== undefined) throw unsafe(path, reason.found, reason.needed);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

/** Why what is in such a file is no secret; undefined when it may be one. Links are followed: what counts is their end. */
export function unsafeReason(stat: Stats): { found: string; needed: string } | undefined {
  const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
  if (!stat.isFile()) return { found: "no regular file", needed: "a regular file" };
  if ((stat.mode & 0o077) !== 0)
    return { found: `mode ${mode}`, needed: "mode 0600 or 0400: a file that only we can read" };
  // Root may own what it lets us read; anybody else could have written what we then trust.
  if (stat.uid !== process.getuid?.() && stat.uid !== 0)
    return { found: `owner ${stat.uid}`, needed: "a file of our own user, or of root" };
  if (stat.size > secretBytesMax) return { found: `${stat.size} bytes`, needed: `at most ${secretBytesMax}` };
  return undefined;
}

function unsafe(path: string, found: string, needed: string): MayflyError {
  return new MayflyError({
    code: "secret_missing",
    message: `the root credential in file ${quote(path, 300)} is not taken: others may know or have changed it`,
    ...{ found, needed },
    next: `chmod 600 it, and change the credential if it has been so for a while`,
  });
}
