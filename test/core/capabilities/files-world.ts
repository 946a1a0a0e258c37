// A run's files over a real tree in a directory of the test's own.
import { join } from "node:path";
import type { Test } from "tap";
import { makeFileTrees } from "../../../runtime/adapters/system/file-tree.ts";
import type { Answer, Denied, Operation } from "../../../runtime/core/capabilities/capability.ts";
import { makeFiles } from "../../../runtime/core/capabilities/files.ts";
import { defaultFileQuota, type FileQuota } from "../../../runtime/model/limits.ts";
import { noUsage } from "../../../runtime/model/run.ts";
import type { FileTree } from "../../../runtime/ports/file-tree.ts";
import { inOnePiece } from "../../../runtime/ports/http-client.ts";
import { openedTree } from "../../support/opened-tree.ts";

export const upload = () => inOnePiece(new Uint8Array(0));

const runId = `run_${"c".repeat(32)}`;

export interface WorldParts {
  mounts?: Record<string, string>;
  quota?: Partial<FileQuota>;
  /** Where the runs' directories are; in the test's own by default. */
  directory?: string;
  /** Puts something between the capability and the disk. */
  around?: (tree: FileTree) => Partial<FileTree>;
}

export async function world(t: Test, { mounts = {}, quota = {}, directory, around = () => ({}) }: WorldParts = {}) {
  const base = t.testdir({
    runs: {},
    data: { "a.txt": "mounted", sub: { "b.txt": "b" } },
    other: { "c.txt": "c" },
    "one.txt": "one",
  });
  const sources = Object.fromEntries(Object.entries(mounts).map(([guest, source]) => [guest, join(base, source)]));
  const real = await openedTree(makeFileTrees({ directory: directory ?? join(base, "runs") }), runId, sources);
  t.teardown(() => real.destroy());
  const tree = { ...real, ...around(real) };
  const files = makeFiles({ grant: { mounts: sources, quota: { ...defaultFileQuota, ...quota } }, tree });
  const usage = { ...noUsage };
  const context = { signal: new AbortController().signal, usage, record: async () => {}, upload };

  /** Both steps, as the gate takes them. */
  async function run<Args, Plan>(
    operation: Operation<Args, Plan>,
    args: Args,
    body: Uint8Array = new Uint8Array(0),
  ): Promise<Answer> {
    return operation.act(await operation.authorize(args, body, context), body, context);
  }

  return {
    base,
    own: join(directory ?? join(base, "runs"), runId),
    usage,
    files,
    read: async (path: string) => Buffer.from((await run(files.read, { path })).body ?? []).toString(),
    write: (path: string, text: string, mode: "replace" | "append" = "replace") =>
      run(files.write, { path, mode }, Buffer.from(text)),
    list: async (path: string) => (await run(files.list, { path })).value as { name: string; kind: string }[],
    stat: async (path: string) => (await run(files.stat, { path })).value as { kind: string; bytes: number } | null,
    mkdir: (path: string) => run(files.mkdir, { path }),
    remove: (path: string) => run(files.remove, { path }),
    end: () => real.destroy(),
    outputs: async () => (await files.outputs()).map(({ names }) => names.join("/")),
  };
}

export async function errorOf(work: Promise<unknown> | (() => Promise<unknown>)): Promise<Denied> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    return error as Denied;
  }
  throw new Error("it was done");
}

export const codeOf = async (work: Promise<unknown>) => (await errorOf(work)).code;
