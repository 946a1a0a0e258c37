// A directory of its own for something that must leave nothing behind: 0700, unguessable, removed whatever happens in it
// (file-tree-remove.ts). A run's own directory is file-tree.ts's business.
import { basename, dirname } from "node:path";
import tmp from "tmp";
import { MayflyError, quote } from "../../model/error.ts";
import { removeTree } from "./file-tree-remove.ts";

/**
 * Its name is unguessable; `prefix` (small letters, digits, hyphens) only says whose it is.
 * @throws MayflyError `internal` for another prefix, `state_directory` when it can't be removed.
 */
export async function withTemporaryDirectory<T>(prefix: string, use: (path: string) => Promise<T>): Promise<T> {
  // tmp takes a prefix with slashes in it, and what only turns into text when it is read.
  if (typeof prefix !== "string" || !/^[a-z0-9-]+$/.test(prefix)) {
    const found = typeof prefix === "string" ? quote(prefix) : typeof prefix;
    throw new MayflyError({ code: "internal", message: "a temporary directory's prefix is a plain word", found });
  }
  const { name } = tmp.dirSync({ prefix, mode: 0o700, keep: true });
  try {
    return await use(name);
  } finally {
    await remove(name);
  }
}

async function remove(path: string): Promise<void> {
  if (await removeTree(dirname(path), basename(path))) return;
  throw new MayflyError({
    code: "state_directory",
    message: "a temporary directory could not be removed",
    found: quote(path, 400),
    next: "look who still works in it, and remove it by hand",
  });
}
