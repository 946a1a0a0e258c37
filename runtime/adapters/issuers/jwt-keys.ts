// The signing key of the embedded issuer: made on first use, kept in one file of the state directory that nobody else
// may read. Answers for making it once (also when two processes start together), durably, and for refusing a file that
// others could have read or replaced. What is signed with it is jwt.ts's business.
import { constants } from "node:fs";
import { link, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from "jose";
import { MayflyError } from "../../model/error.ts";
import { hex } from "../../model/ids.ts";
import type { Random } from "../../ports/random.ts";

export interface SigningKey {
  /** RFC 7638 thumbprint of the public key. */
  kid: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
  /** For the JWKS: no private member. */
  publicJwk: JWK;
}

const keyFileBytesMax = 4_096; // a P-256 key as JSON is about 250 bytes

/**
 * The key in `keysFile`, made now when there is none: ES256 (P-256), 0600.
 * @throws MayflyError `state_directory` for a file that is no such key, is not ours, or is open to others.
 */
export async function loadSigningKey(keysFile: string, random: Random): Promise<SigningKey> {
  const kept = await readKeyFile(keysFile);
  if (kept !== undefined) return kept;
  await makeKeyFile(keysFile, random);
  const made = await readKeyFile(keysFile);
  if (made === undefined) throw keyFileError(keysFile, "it vanished while it was being made", "a file that stays");
  return made;
}

async function readKeyFile(keysFile: string): Promise<SigningKey | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(keysFile, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw keyFileError(keysFile, `it can't be opened (${codeOf(error)})`, "a regular file that we can read", error);
  }
  try {
    const stat = await file.stat();
    const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
    if (!stat.isFile()) throw keyFileError(keysFile, "not a regular file", "a regular file");
    if ((stat.mode & 0o077) !== 0)
      throw keyFileError(keysFile, `mode ${mode}`, "mode 0600: a key that only we can read");
    if (stat.uid !== process.getuid?.()) throw keyFileError(keysFile, `owner ${stat.uid}`, "a file of our own user");
    if (stat.size > keyFileBytesMax) throw keyFileError(keysFile, `${stat.size} bytes`, `at most ${keyFileBytesMax}`);
    return await parseKey(keysFile, await file.readFile("utf8"));
  } finally {
    await file.close();
  }
}

async function parseKey(keysFile: string, text: string): Promise<SigningKey> {
  try {
    const jwk = JSON.parse(text) as JWK;
    if (jwk.kty !== "EC" || jwk.crv !== "P-256" || typeof jwk.d !== "string") throw new TypeError("not a P-256 key");
    const { d: _private, ...rest } = jwk;
    const kid = await calculateJwkThumbprint(rest);
    return {
      kid,
      privateKey: (await importJWK(jwk, "ES256")) as CryptoKey,
      publicKey: (await importJWK(rest, "ES256")) as CryptoKey,
      publicJwk: { ...rest, kid, alg: "ES256", use: "sig" },
    };
  } catch {
    // The cause is left out: what parsers say may quote the key.
    throw keyFileError(keysFile, "no signing key in it", "one private P-256 key as a JWK");
  }
}

// Written beside its place and linked into it, so that a reader finds a whole key or none, and the first of two makers wins.
async function makeKeyFile(keysFile: string, random: Random): Promise<void> {
  const pair = await generateKeyPair("ES256", { extractable: true });
  const temporary = `${keysFile}.${hex(random.bytes(8))}`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(`${JSON.stringify(await exportJWK(pair.privateKey))}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, keysFile).catch((error: unknown) => {
      if (codeOf(error) !== "EEXIST") throw error;
    });
    await syncDirectory(dirname(keysFile));
  } catch (error) {
    throw keyFileError(keysFile, `it can't be made (${codeOf(error)})`, "a directory that we can write to", error);
  } finally {
    await unlink(temporary).catch(() => {});
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function keyFileError(keysFile: string, found: string, needed: string, cause?: unknown): MayflyError {
  return new MayflyError({
    code: "state_directory",
    message: `the token signing key ${keysFile} can't be used`,
    found,
    needed,
    next: "If others could have read it, move it away: a new key is made at the next start. Otherwise chmod 600 and check its owner.",
    ...(cause === undefined ? {} : { cause }),
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
