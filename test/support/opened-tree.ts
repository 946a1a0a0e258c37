// A run's files as they are once the run has asked for them: then the private directory is there.
import { type CheckedPath, mint } from "../../runtime/model/checked.ts";
import type { FileTree, FileTrees } from "../../runtime/ports/file-tree.ts";

export async function openedTree(
  trees: FileTrees,
  runId: string,
  mounts: Readonly<Record<string, string>> = {},
): Promise<FileTree> {
  const tree = await trees.open(runId, mounts);
  await tree.stat(mint<CheckedPath>({ root: "private", names: [], writable: true }));
  return tree;
}
