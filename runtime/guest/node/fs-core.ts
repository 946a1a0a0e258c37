// node:fs's operations over the files capability: whole files, read, replaced or appended to. What Node builds of smaller
// ones is built here: removing a tree, copying, moving. None of that is atomic.
import { Buffer, bufferOver, bytesOf } from "./buffer.ts";
import { wrongType } from "./errors.ts";
import { asNode, fsError } from "./fs-errors.ts";
import { Dirent, Stats } from "./fs-stats.ts";
import { host } from "./host.ts";
import path from "./path.ts";
import { fileURLToPath } from "./url.ts";
import { type SignalLike, web } from "./web.ts";

export type PathLike = unknown;

/** Absolute, in the one spelling that the capability takes. */
export function pathOf(value: PathLike, name = "path"): string {
  const text =
    typeof value === "string"
      ? value
      : value instanceof Uint8Array
        ? bufferOver(value).toString()
        : value instanceof web.URL
          ? fileURLToPath(value)
          : undefined;
  if (text === undefined) throw wrongType(name, "of type string or an instance of Buffer or URL", value);
  return path.resolve("/", text);
}

export interface Options {
  encoding?: string | null;
  flag?: string;
  flags?: string;
  signal?: SignalLike;
  recursive?: boolean;
  force?: boolean;
  withFileTypes?: boolean;
  errorOnExist?: boolean;
}

export function optionsOf(options: unknown): Options {
  if (typeof options === "string") return { encoding: options };
  return typeof options === "object" && options !== null ? (options as Options) : {};
}

function requireGoing(signal: SignalLike | undefined): void {
  if (!signal?.aborted) return;
  const error = Object.assign(new Error("The operation was aborted", { cause: signal.reason }), { code: "ABORT_ERR" });
  throw Object.defineProperty(error, "name", { value: "AbortError" });
}

export async function stat(target: PathLike): Promise<Stats> {
  const at = pathOf(target);
  const found = await asNode("stat", at, host.files.stat(at));
  if (found === null) throw fsError("ENOENT", "stat", at);
  return new Stats(found);
}

async function kindOf(at: string): Promise<"file" | "directory" | undefined> {
  return (await asNode("stat", at, host.files.stat(at)))?.kind;
}

export async function access(target: PathLike): Promise<void> {
  const at = pathOf(target);
  if ((await kindOf(at)) === undefined) throw fsError("ENOENT", "access", at);
}

export async function readBytes(target: PathLike, syscall = "open"): Promise<Buffer> {
  const at = pathOf(target);
  return bufferOver(await asNode(syscall, at, host.files.read(at)));
}

export async function readFile(target: PathLike, options?: unknown): Promise<Buffer | string> {
  const { encoding, signal } = optionsOf(options);
  requireGoing(signal);
  const bytes = await readBytes(target);
  requireGoing(signal);
  return encoding ? bytes.toString(encoding) : bytes;
}

async function contentOf(data: unknown, encoding: string | null | undefined): Promise<Uint8Array> {
  const isStream =
    typeof data === "object" && data !== null && Symbol.asyncIterator in data && !ArrayBuffer.isView(data);
  if (!isStream) return bytesOf(data, "data", encoding ?? "utf8");
  const pieces: Uint8Array[] = [];
  for await (const piece of data as AsyncIterable<unknown>) pieces.push(bytesOf(piece, "data", encoding ?? "utf8"));
  return Buffer.concat(pieces);
}

export async function writeFile(target: PathLike, data: unknown, options?: unknown): Promise<void> {
  const { encoding, flag = "w", signal } = optionsOf(options);
  requireGoing(signal);
  const at = pathOf(target);
  const bytes = await contentOf(data, encoding);
  if (flag.includes("x") && (await kindOf(at)) !== undefined) throw fsError("EEXIST", "open", at);
  await (flag.startsWith("a") ? append(at, bytes) : replace(at, bytes));
}

export const replace = (at: string, bytes: Uint8Array) => asNode("open", at, host.files.write(at, bytes));
export const append = (at: string, bytes: Uint8Array) => asNode("open", at, host.files.append(at, bytes));

export function appendFile(target: PathLike, data: unknown, options?: unknown): Promise<void> {
  return writeFile(target, data, { flag: "a", ...optionsOf(options) });
}

/** Gives the first directory that was made, where `recursive` is asked for. */
export async function mkdir(target: PathLike, options?: unknown): Promise<string | undefined> {
  const at = pathOf(target);
  const { recursive = false } = typeof options === "object" ? optionsOf(options) : {};
  const missing = await missingFrom(at);
  if (!recursive && missing === undefined) throw fsError("EEXIST", "mkdir", at);
  if (!recursive && missing !== at) throw fsError("ENOENT", "mkdir", at);
  await asNode("mkdir", at, host.files.mkdir(at));
  return recursive ? missing : undefined;
}

/** The outermost directory on the way that isn't there. */
async function missingFrom(at: string): Promise<string | undefined> {
  let missing: string | undefined;
  for (let each = at; each !== "/"; each = path.dirname(each)) {
    if ((await kindOf(each)) !== undefined) break;
    missing = each;
  }
  return missing;
}

export async function readdir(target: PathLike, options?: unknown): Promise<unknown[]> {
  const { withFileTypes = false, recursive = false, encoding } = optionsOf(options);
  const at = pathOf(target);
  const entries = await listed(at, recursive);
  if (withFileTypes) return entries.map(({ name, kind, parent }) => new Dirent(name, kind, parent));
  const names = entries.map(({ name, parent }) => path.relative(at, path.join(parent, name)));
  return encoding === "buffer" ? names.map((name) => Buffer.from(name)) : names;
}

interface Listed {
  name: string;
  kind: string;
  parent: string;
}

async function listed(at: string, recursive: boolean): Promise<Listed[]> {
  const found: Listed[] = [];
  for (const { name, kind } of await asNode("scandir", at, host.files.list(at))) {
    found.push({ name, kind, parent: at });
    if (recursive && kind === "directory") found.push(...(await listed(path.join(at, name), true)));
  }
  return found;
}

export async function unlink(target: PathLike): Promise<void> {
  const at = pathOf(target);
  if ((await kindOf(at)) === "directory") throw fsError("EISDIR", "unlink", at);
  await asNode("unlink", at, host.files.remove(at));
}

export async function rmdir(target: PathLike): Promise<void> {
  const at = pathOf(target);
  if ((await kindOf(at)) === "file") throw fsError("ENOTDIR", "rmdir", at);
  await asNode("rmdir", at, host.files.remove(at));
}

export async function rm(target: PathLike, options?: unknown): Promise<void> {
  const { recursive = false, force = false } = optionsOf(options);
  const at = pathOf(target);
  const kind = await kindOf(at);
  if (kind === undefined && force) return;
  if (kind === undefined) throw fsError("ENOENT", "rm", at);
  if (kind === "directory" && !recursive) {
    const error = Object.assign(fsError("EISDIR", "rm", at), { name: "SystemError", code: "ERR_FS_EISDIR" });
    throw Object.assign(error, { message: `Path is a directory: rm returned EISDIR (is a directory) ${at}` });
  }
  await removeTree(at, kind);
}

async function removeTree(at: string, kind: string): Promise<void> {
  if (kind === "directory") {
    for (const each of await asNode("scandir", at, host.files.list(at)))
      await removeTree(path.join(at, each.name), each.kind);
  }
  await asNode("rm", at, host.files.remove(at));
}

export async function copyFile(from: PathLike, to: PathLike, mode = 0): Promise<void> {
  const [source, target] = [pathOf(from, "src"), pathOf(to, "dest")];
  if ((mode & 1) !== 0 && (await kindOf(target)) !== undefined) throw fsError("EEXIST", "copyfile", source);
  await replace(target, await readBytes(source, "copyfile"));
}

export async function cp(from: PathLike, to: PathLike, options?: unknown): Promise<void> {
  const { recursive = false, force = true, errorOnExist = false } = optionsOf(options);
  const [source, target] = [pathOf(from, "src"), pathOf(to, "dest")];
  const kind = await kindOf(source);
  if (kind === undefined) throw fsError("ENOENT", "cp", source);
  if (kind === "file") {
    const isThere = (await kindOf(target)) !== undefined;
    if (isThere && !force && errorOnExist) throw fsError("EEXIST", "cp", target);
    if (!isThere || force) await copyFile(source, target);
    return;
  }
  if (!recursive) throw fsError("EISDIR", "cp", source);
  await asNode("mkdir", target, host.files.mkdir(target));
  for (const { name } of await asNode("scandir", source, host.files.list(source)))
    await cp(path.join(source, name), path.join(target, name), options);
}

/** A copy, and then the original's removal. */
export async function rename(from: PathLike, to: PathLike): Promise<void> {
  const [source, target] = [pathOf(from, "oldPath"), pathOf(to, "newPath")];
  const kind = await kindOf(source);
  if (kind === undefined) throw fsError("ENOENT", "rename", source);
  if (source === target) return;
  if (target.startsWith(`${source}/`)) throw fsError("EINVAL", "rename", source);
  await cp(source, target, { recursive: true });
  await removeTree(source, kind);
}

const nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

export async function mkdtemp(prefix: PathLike): Promise<string> {
  const bytes = web.crypto.getRandomValues(new Uint8Array(6));
  const at = `${pathOf(prefix, "prefix")}${String(prefix).endsWith("/") ? "/" : ""}${Array.from(bytes, (byte) => nameLetters[byte % nameLetters.length]).join("")}`;
  await asNode("mkdtemp", at, host.files.mkdir(at));
  return at;
}

export async function truncate(target: PathLike, length = 0): Promise<void> {
  const at = pathOf(target);
  const bytes = await readBytes(at);
  const cut = Buffer.alloc(length);
  bytes.copy(cut, 0, 0, length);
  await replace(at, cut);
}

export async function realpath(target: PathLike): Promise<string> {
  const at = pathOf(target);
  if ((await kindOf(at)) === undefined) throw fsError("ENOENT", "realpath", at);
  return at;
}

export async function readlink(target: PathLike): Promise<never> {
  const at = pathOf(target);
  throw fsError((await kindOf(at)) === undefined ? "ENOENT" : "EINVAL", "readlink", at);
}
