// What the files capability says, in the words of Node's errors: its own code is `mayflyCode`, and its text the cause's.
import constants from "mayfly:constants/os";
import { unsupported } from "./refuse.ts";

const codes: Readonly<Record<string, string>> = {
  not_found: "ENOENT",
  exists: "EEXIST",
  is_directory: "EISDIR",
  not_directory: "ENOTDIR",
  not_empty: "ENOTEMPTY",
  readonly: "EROFS",
  quota: "EDQUOT",
  path: "EINVAL",
  depth: "ENAMETOOLONG",
  symlink: "ELOOP",
  special: "EPERM",
  list_size: "EOVERFLOW",
  busy: "EAGAIN",
  grant: "EACCES",
};

const texts: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EEXIST: "file already exists",
  EISDIR: "illegal operation on a directory",
  ENOTDIR: "not a directory",
  ENOTEMPTY: "directory not empty",
  EROFS: "read-only file system",
  EBADF: "bad file descriptor",
  EPERM: "operation not permitted",
  EINVAL: "invalid argument",
};

export interface FsError extends Error {
  code: string;
  errno: number;
  syscall: string;
  path?: string;
  dest?: string;
}

export function fsError(code: string, syscall: string, path?: string, cause?: unknown): FsError {
  const said = Object.hasOwn(texts, code) ? texts[code] : (cause as Error | undefined)?.message;
  const place = path === undefined ? "" : ` '${path}'`;
  const error = new Error(
    `${code}: ${said ?? "i/o error"}, ${syscall}${place}`,
    cause === undefined ? undefined : { cause },
  );
  const errno = -(constants.errno[code] ?? 5);
  return Object.assign(error, { errno, code, syscall, ...(path === undefined ? {} : { path }) });
}

/** Of one call of the capability; anything else goes through as it is. */
export async function asNode<T>(syscall: string, path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { code, name } = error as { code?: string; name?: string };
    if (name !== "MayflyError") throw error;
    const known = code !== undefined && Object.hasOwn(codes, code) ? (codes[code] as string) : "EIO";
    throw Object.assign(fsError(known, syscall, path, error), { mayflyCode: code });
  }
}

export function noSuchOperation(name: string): Error {
  return unsupported(`fs.${name}`, "the files of a run have no links, owners or modes, and nobody watches them");
}
