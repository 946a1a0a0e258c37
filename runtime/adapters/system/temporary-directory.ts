// A directory of its own for something that must leave nothing behind: 0700, unguessable, removed whatever happens.
import { rm } from "node:fs/promises";
import tmp from "tmp";

/** @param prefix becomes the start of its name in the system's temporary directory. */
export async function withTemporaryDirectory<T>(prefix: string, use: (path: string) => Promise<T>): Promise<T> {
  const { name } = tmp.dirSync({ prefix, mode: 0o700, keep: true });
  try {
    return await use(name);
  } finally {
    await rm(name, { recursive: true, force: true });
  }
}
