// What SQLite says, in our words: a ledger that can't be read is no ledger that can't be written.
import { MayflyError } from "../../model/error.ts";

/** `cause` itself where it is one of our errors already. */
export function storeError(cause: unknown, path: string): MayflyError {
  if (cause instanceof MayflyError) return cause;
  const text = (cause as Error).message;
  const corrupt = cause instanceof SyntaxError || /malformed|not a database|corrupt/.test(text); // a record that is no JSON
  return new MayflyError({
    code: corrupt ? "store_corrupt" : "store_unavailable",
    message: corrupt ? "the ledger can't be read" : "the ledger can't be opened or written",
    found: `${path}: ${text}`,
    needed: "a ledger of this version on a writable disk with free space",
    next: corrupt
      ? "keep the file for investigation, restore it from a backup; never start from an empty one while leases may live"
      : "check free space, mode and owner of the state directory",
    cause,
  });
}
