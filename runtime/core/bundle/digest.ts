// The digest of a bundle, computed over the very bytes that are sent to the executor, so that the run record names what
// ran and not what a bundler, a cache or a store said about it (SUP-13). Whether that digest was approved is policy's.
import { createHash } from "node:crypto";
import { MayflyError } from "../../model/error.ts";
import type { Bundle } from "../../ports/bundler.ts";

/** `sha256:` and 64 hex digits over `code`. */
export function digestOf(code: Uint8Array): string {
  return `sha256:${createHash("sha256").update(code).digest("hex")}`;
}

/**
 * The digest of the bytes themselves.
 * @throws MayflyError `internal` when the bundle names another one: it was changed since it was made.
 */
export function verifiedDigest(bundle: Pick<Bundle, "code" | "digest">): string {
  const digest = digestOf(bundle.code);
  if (digest === bundle.digest) return digest;
  throw new MayflyError({
    code: "internal",
    message: "a bundle is not what its digest says",
    found: digest,
    needed: bundle.digest,
    next: "bundle the job again",
  });
}
