// A run's tree on a real file system, with something outside of it and something to mount; a descriptor that is left
// open fails the test.
import { readdirSync, readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { makeFileTrees } from "../../../runtime/adapters/system/file-tree.ts";
import { type CheckedPath, mint } from "../../../runtime/model/checked.ts";
import type { FileFailure, FileTree } from "../../../runtime/ports/file-tree.ts";
import { openedTree } from "../../support/opened-tree.ts";

export const runId = `run_${"a".repeat(32)}`;
export const bytes = (text: string) => Buffer.from(text);

/** A path in the private tree, or in a mount. */
export function at(path: string, root = "private"): CheckedPath {
  const names = path === "" ? [] : path.split("/");
  return mint<CheckedPath>({ root, names, writable: root === "private" });
}

/** Descriptors of this process that lead below `directory`, which must be named without links, as the kernel does. */
export function descriptorsBelow(directory: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(directory) ? [target] : [];
    } catch {
      return []; // the one that readdir itself had open
    }
  });
}

export interface World {
  base: string;
  /** Of all runs. */
  directory: string;
  /** Of this run, on the host. */
  own: string;
  tree: FileTree;
}

export async function world(t: Test, mounts: (base: string) => Record<string, string> = () => ({})): Promise<World> {
  const base = realpathSync(
    t.testdir({
      runs: {},
      outside: { "secret.txt": "secret" },
      data: { "a.txt": "mounted", deep: { "b.txt": "b" } },
    }),
  );
  const directory = join(base, "runs");
  const tree = await openedTree(makeFileTrees({ directory }), runId, mounts(base));
  t.teardown(async () => {
    await tree.destroy();
    const left = descriptorsBelow(base);
    if (left.length > 0) throw new Error(`descriptors are left: ${left.join(", ")}`);
  });
  return { base, directory, own: join(directory, runId), tree };
}

export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "done";
  } catch (error) {
    return (error as FileFailure).code;
  }
}
