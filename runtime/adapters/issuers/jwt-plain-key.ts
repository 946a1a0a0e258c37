// The one signing key that earlier versions kept in the clear, as a JWK in a file of its own: handed over once, and
// destroyed when the new place has it durably. Overwriting reaches the old blocks on most disks, not on all (copy-on-write
// file systems, wear levelling): rotate once if a copy of the old file may be about.
import { open, unlink } from "node:fs/promises";
import type { JWK } from "jose";
import { keyFileError, readKeyFile } from "../keys/key-file.ts";

/**
 * @param keep told the key, or undefined when there is none; durable when resolved.
 * @throws MayflyError `state_directory` for a file that is no such key, is not ours, or is open to others.
 */
export async function takePlainKey(path: string, keep: (key: JWK | undefined) => Promise<void>): Promise<void> {
  const bytes = await readKeyFile(path);
  const isDestroyed = bytes?.every((byte) => byte === 0) ?? true; // by another process, or before a crash
  await keep(bytes === undefined || isDestroyed ? undefined : parse(path, bytes));
  if (bytes !== undefined) await destroy(path, bytes.length);
}

/** Whether it is a private P-256 key. */
export function isSigningKey({ kty, crv, d, x, y }: JWK): boolean {
  return kty === "EC" && crv === "P-256" && [d, x, y].every((member) => typeof member === "string");
}

function parse(path: string, bytes: Uint8Array): JWK {
  try {
    const jwk = JSON.parse(new TextDecoder().decode(bytes)) as JWK;
    if (isSigningKey(jwk)) return jwk;
  } catch {
    // What the parser says may quote the key.
  }
  throw keyFileError(path, "no signing key in it", "one private P-256 key as a JWK");
}

/** Of two processes that take the key at once, both may be here. */
async function destroy(path: string, bytes: number): Promise<void> {
  try {
    const file = await open(path, "r+");
    try {
      await file.write(new Uint8Array(bytes), 0, bytes, 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await unlink(path);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== "ENOENT")
      throw keyFileError(path, `it can't be removed (${code})`, "a file that we can remove", error);
  }
}
