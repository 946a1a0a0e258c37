// The directory below the state directory in which `start` tries its defences before it serves. One process at a time has
// it (whoever is registered as `start`); what a killed one left there is removed by the next.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { MayflyError, quote } from "../../model/error.ts";
import { removeTree } from "./file-tree-remove.ts";

const name = "trial";

/** Empty at first, 0700, removed whatever happens in it. @throws MayflyError `state_directory` when it can't be removed. */
export async function withTrialDirectory<T>(stateDirectory: string, use: (path: string) => Promise<T>): Promise<T> {
  await remove(stateDirectory);
  const path = join(stateDirectory, name);
  mkdirSync(path, { mode: 0o700 });
  try {
    return await use(path);
  } finally {
    await remove(stateDirectory);
  }
}

async function remove(stateDirectory: string): Promise<void> {
  if (await removeTree(stateDirectory, name)) return;
  throw new MayflyError({
    code: "state_directory",
    message: "the directory of the defences' trial could not be removed",
    found: quote(join(stateDirectory, name), 400),
    next: "look who still works in it, and remove it by hand",
  });
}
