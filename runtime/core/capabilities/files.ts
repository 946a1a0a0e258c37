// The files of a run: a private tree that ends with it, and read-only mounts that shadow parts of it. It is the only
// minter of CheckedPath and the only writer of the tree: changes go one after the other, each held against the quota
// (files-ledger.ts) before it is made. Paths are read by files-path.ts; opening, without following a link, is the
// FileTree's. Reads of different calls go side by side.
import type { CheckedPath } from "../../model/checked.ts";
import type { FilesGrant } from "../../model/grant.ts";
import { FileFailure, type FileStat, type FileTree } from "../../ports/file-tree.ts";
import type { Arguments } from "../../protocol/bridge.ts";
import { bodyBytesMax, headerBytesMax } from "../../protocol/frame.ts";
import { type Answer, type CallContext, Denied, Failed, type Operation } from "./capability.ts";
import { type Entry, makeLedger, requireDepth } from "./files-ledger.ts";
import { type GuestPath, guestPath, makeMountTable, pathTarget, readPath } from "./files-path.ts";

/** Entries of one listing; with the bytes below, what fits into one answer. */
const LIST_ENTRIES_MAX = 4_096;
const LIST_BYTES_MAX = headerBytesMax / 2;
/** Content of writes that wait for earlier ones: it lies in the supervisor's memory. Four of the largest. */
const waitingBytesMax = 4 * bodyBytesMax;

export interface FilePlan {
  path: GuestPath;
  checked: CheckedPath;
}

export interface WritePlan extends FilePlan {
  mode: "replace" | "append";
}

export interface Files {
  read: Operation<Arguments<"files.read">, FilePlan>;
  write: Operation<Arguments<"files.write">, WritePlan>;
  list: Operation<Arguments<"files.list">, FilePlan>;
  stat: Operation<Arguments<"files.stat">, FilePlan>;
  mkdir: Operation<Arguments<"files.mkdir">, FilePlan>;
  remove: Operation<Arguments<"files.remove">, FilePlan>;
  /** Every file below /output, after the changes that are under way. */
  outputs(): Promise<CheckedPath[]>;
}

/**
 * The capability of one run.
 * Denied: path, readonly, quota, depth, symlink, special. Failed: list_size, busy, and the other codes of FileFailure.
 */
export function makeFiles({ grant, tree }: { grant: FilesGrant; tree: FileTree }): Files {
  const output = guestPath(["output"]);
  const ledger = makeLedger(grant.quota, [guestPath([]), output]);
  const mounts = makeMountTable(grant.mounts);
  let lastChange: Promise<unknown> = Promise.resolve();
  let waitingBytes = 0;

  /** One change after the other: what was counted is what is there. */
  function change<T>(work: () => Promise<T>): Promise<T> {
    const done = lastChange.then(work);
    lastChange = done.catch(() => {});
    return done;
  }

  async function changeWith({ length }: Uint8Array, work: () => Promise<Answer>): Promise<Answer> {
    if (waitingBytes + length > waitingBytesMax) {
      const found = `${waitingBytes} bytes wait to be written and ${length} more came, of ${waitingBytesMax}`;
      throw new Failed("busy", `${found}: await some writes first`);
    }
    waitingBytes += length;
    try {
      return await change(work);
    } finally {
      waitingBytes -= length;
    }
  }

  const planRead = ({ path: text }: { path: string }): FilePlan => {
    const path = readPath(text);
    return { path, checked: mounts.locate(path) };
  };

  function planChange({ path: text }: { path: string }, directories: (path: GuestPath) => number): FilePlan {
    const plan = planRead({ path: text });
    if (mounts.touches(plan.path)) throw readonly(plan.path, "it is, or holds, a mount, and mounts are read-only");
    requireDepth(grant.quota, plan.path, directories(plan.path));
    return plan;
  }

  async function read({ path, checked }: FilePlan): Promise<Answer> {
    return { body: await attempt(path, tree.read(checked, bodyBytesMax)) };
  }

  async function stat({ path, checked }: FilePlan): Promise<Answer> {
    const found = await attempt(path, tree.stat(checked));
    return { value: found ?? (mounts.namesBelow(path).length > 0 ? mountPoint : null) };
  }

  async function list({ path, checked }: FilePlan): Promise<Answer> {
    const names = mounts.namesBelow(path);
    const listed = await attempt(path, tree.list(checked, LIST_ENTRIES_MAX + 1).catch(nothingIf(names.length > 0)));
    const own = listed.filter(({ name }) => !names.includes(name));
    const mounted = await Promise.all(names.map((name) => mountEntry(path, name)));
    const entries = [...own, ...mounted].sort((a, b) => (a.name < b.name ? -1 : 1));
    const bytes = Buffer.byteLength(JSON.stringify(entries));
    if (entries.length > LIST_ENTRIES_MAX || bytes > LIST_BYTES_MAX) {
      const most = `${LIST_ENTRIES_MAX} entries and ${LIST_BYTES_MAX} bytes of names`;
      throw new Failed("list_size", `the directory has more than one answer carries (${most}); spread it over more`);
    }
    return { value: entries };
  }

  async function mountEntry(parent: GuestPath, name: string) {
    const path = guestPath([...parent.names, name]);
    const found = await attempt(path, tree.stat(mounts.locate(path)));
    return { name, kind: found?.kind ?? ("directory" as const) };
  }

  async function write({ path, checked, mode }: WritePlan, body: Uint8Array, context: CallContext): Promise<Answer> {
    const existing = ledger.get(path);
    if (existing?.kind === "directory") throw new Failed("is_directory", "a directory, not a file");
    const before = existing?.bytes ?? 0;
    const after = mode === "append" ? before + body.length : body.length;
    const parents = requireRoom(path, { kind: "file", bytes: after });
    await makeDirectories(parents);
    try {
      await attempt(path, tree.write(checked, body, mode));
    } catch (error) {
      await setRight(path, checked, Math.max(before, after));
      throw error;
    }
    release(body);
    ledger.set(path, { kind: "file", bytes: after });
    if (existing === undefined) context.usage.filesWritten += 1;
    return {};
  }

  async function mkdir({ path }: FilePlan): Promise<Answer> {
    const existing = ledger.get(path);
    if (existing?.kind === "file") throw new Failed("exists", "a file of that name exists");
    if (existing !== undefined) return {};
    const parents = requireRoom(path, { kind: "directory" });
    await makeDirectories([...parents, path]);
    return {};
  }

  async function remove({ path, checked }: FilePlan): Promise<Answer> {
    await attempt(path, tree.remove(checked));
    ledger.remove(path);
    return {};
  }

  /** The directories that are to be made first; they count. */
  function requireRoom(path: GuestPath, after: Entry): GuestPath[] {
    const inTheWay = path.names.slice(1).some((_, index) => {
      return ledger.get(guestPath(path.names.slice(0, index + 1)))?.kind === "file";
    });
    if (inTheWay) throw new Failed("not_directory", "a file stands where the path needs a directory");
    const parents = ledger.missingParents(path);
    ledger.require(path, after, parents.length);
    return parents;
  }

  async function makeDirectories(paths: readonly GuestPath[]): Promise<void> {
    for (const path of paths) {
      await attempt(path, tree.makeDirectory(mounts.locate(path)));
      ledger.set(path, { kind: "directory" });
    }
  }

  /** A write that failed may have left a part: the disk says how much, or the larger number stands. */
  async function setRight(path: GuestPath, checked: CheckedPath, bytesAtMost: number): Promise<void> {
    const found = await tree.stat(checked).catch((): FileStat => {
      return { kind: "file", bytes: bytesAtMost, modifiedAtMs: 0 };
    });
    if (found === undefined) ledger.remove(path);
    else ledger.set(path, found.kind === "file" ? { kind: "file", bytes: found.bytes } : { kind: "directory" });
  }

  const directoriesAbove = (path: GuestPath) => path.names.length - 1;
  const directoriesWith = (path: GuestPath) => path.names.length;

  return {
    read: { authorize: planRead, act: read },
    list: { authorize: planRead, act: list },
    stat: { authorize: planRead, act: stat },
    write: {
      authorize: (args) => ({ ...planChange(args, directoriesAbove), mode: args.mode }),
      act: (plan, body, context) => changeWith(body, () => write(plan, body, context)),
    },
    mkdir: {
      authorize: (args) => planChange(args, directoriesWith),
      act: (plan) => change(() => mkdir(plan)),
    },
    remove: {
      authorize: (args) => {
        const plan = planChange(args, () => 0);
        if (plan.path.text === "/" || plan.path.text === output.text) {
          throw readonly(plan.path, "the run's own directories stay; remove what is in them");
        }
        return plan;
      },
      act: (plan) => change(() => remove(plan)),
    },
    outputs: () => change(async () => ledger.filesBelow(output).map(mounts.locate)),
  };
}

/** What stands above a mount and isn't in the private tree. */
const mountPoint: FileStat = { kind: "directory", bytes: 0, modifiedAtMs: 0 };

function readonly(path: GuestPath, reason: string): Denied {
  return new Denied(
    "readonly",
    `this path can't be changed: ${reason}; write below /output or beside it`,
    pathTarget(path.text),
  );
}

/** The tree's failures in the guest's words: the same code, and no cause that names a host path. */
async function attempt<T>(path: GuestPath, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof FileFailure)) throw error;
    // What the opened object turned out to be is a refusal, as a forbidden path is, and goes into the record.
    const isRefusal = error.code === "symlink" || error.code === "special";
    throw isRefusal
      ? new Denied(error.code, error.message, pathTarget(path.text))
      : new Failed(error.code, error.message);
  }
}

/** An empty listing for a directory that exists only because mounts lie below it. */
function nothingIf(exists: boolean): (error: unknown) => [] {
  return (error) => {
    if (exists && error instanceof FileFailure && error.code === "not_found") return [];
    throw error;
  };
}

// What was written is of no more use. Its memory is free now, and not when V8 looks for buffers that nobody has: a job that
// writes one large file after another would have the supervisor hold some of them. An empty body holds nothing, and is often
// one that all empty frames share.
function release(body: Uint8Array): void {
  if (body.length === 0 || !(body.buffer instanceof ArrayBuffer)) return;
  if (body.length === body.buffer.byteLength) body.buffer.transfer(0);
}
