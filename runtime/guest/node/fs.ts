// node:fs: the promises' functions with callbacks, descriptors, and streams. What has to be there at once can't be had of a
// capability that is asked across a process: the *Sync functions refuse, when they are called.
import constants from "mayfly:constants/fs";
import { callBack, requireCallback } from "./errors.ts";
import { noSuchOperation } from "./fs-errors.ts";
import { FileHandle } from "./fs-handle.ts";
import promises from "./fs-promises.ts";
import { Dirent, Stats } from "./fs-stats.ts";
import { createReadStream, createWriteStream, ReadStream, WriteStream } from "./fs-streams.ts";
import { isLoading } from "./host.ts";
import { refusing, unsupported } from "./refuse.ts";
import { customPromisify } from "./timer-handles.ts";
import { giving } from "./util.ts";

type Func = (...args: never[]) => Promise<unknown>;

function withCallback(name: string, work: Func): (...args: unknown[]) => void {
  const called = (...args: unknown[]): void => {
    const callback = args.pop();
    requireCallback(callback);
    callBack(Promise.resolve(work(...(args as never[]))), callback, (value) => (value === undefined ? [] : [value]));
  };
  return Object.defineProperties(called, {
    name: { value: name, configurable: true },
    length: { value: work.length + 1, configurable: true },
  });
}

const callbacks = [
  "access",
  "appendFile",
  "chmod",
  "chown",
  "copyFile",
  "cp",
  "lchmod",
  "lchown",
  "link",
  "lstat",
  "lutimes",
  "mkdir",
  "mkdtemp",
  "opendir",
  "readFile",
  "readdir",
  "readlink",
  "realpath",
  "rename",
  "rm",
  "rmdir",
  "stat",
  "statfs",
  "symlink",
  "truncate",
  "unlink",
  "utimes",
  "writeFile",
] as const;

const descriptors: Record<string, Func> = {
  close: (fd: unknown) => FileHandle.of(fd, "close").close(),
  fstat: (fd: unknown) => FileHandle.of(fd, "fstat").stat(),
  fsync: (fd: unknown) => FileHandle.of(fd, "fsync").sync(),
  fdatasync: (fd: unknown) => FileHandle.of(fd, "fdatasync").sync(),
  ftruncate: (fd: unknown, length?: number) => FileHandle.of(fd, "ftruncate").truncate(length),
  fchmod: (fd: unknown) => FileHandle.of(fd, "fchmod").chmod(),
  fchown: (fd: unknown) => FileHandle.of(fd, "fchown").chown(),
  futimes: (fd: unknown) => FileHandle.of(fd, "futimes").utimes(),
};

async function openFd(...args: unknown[]): Promise<number> {
  return (await FileHandle.open(args[0], args[1])).fd;
}

function read(fd: unknown, ...args: unknown[]): void {
  const callback = args.pop();
  requireCallback(callback);
  const work = async () => FileHandle.of(fd, "read").read(...args);
  callBack(work(), callback, ({ bytesRead, buffer }) => [bytesRead, buffer]);
}

function write(fd: unknown, data: unknown, ...args: unknown[]): void {
  const callback = args.pop();
  requireCallback(callback);
  const work = async () => FileHandle.of(fd, "write").write(data, ...args);
  callBack(work(), callback, ({ bytesWritten, buffer }) => [bytesWritten, buffer]);
}

function writev(fd: unknown, pieces: Uint8Array[], ...args: unknown[]): void {
  const callback = args.pop();
  requireCallback(callback);
  const work = async () => FileHandle.of(fd, "write").writev(pieces, args[0] as number | null | undefined);
  callBack(work(), callback, ({ bytesWritten }) => [bytesWritten, pieces]);
}

function exists(target: unknown, callback: unknown): void {
  requireCallback(callback);
  promises.access(target).then(
    () => callback(true),
    () => callback(false),
  );
}
Object.defineProperty(exists, customPromisify, {
  value: (target: unknown) =>
    promises.access(target).then(
      () => true,
      () => false,
    ),
});

const instead = "files are asked of another process: use fs.promises, or the context's files";

/** Packages look for files when they are loaded, and go on without them. In the job itself no answer would be the truth. */
function existsSync(): boolean {
  if (isLoading()) return false;
  throw unsupported("fs.existsSync", instead);
}

const syncNames = [
  ...[...callbacks, ...Object.keys(descriptors), "open", "read", "write", "writev", "readv"].map(
    (name) => `${name}Sync`,
  ),
  "globSync",
  "openAsBlob",
];

const others = ["watch", "watchFile", "unwatchFile", "glob", "readv"];

export default {
  ...Object.fromEntries(callbacks.map((name) => [name, withCallback(name, promises[name] as Func)])),
  ...Object.fromEntries(
    Object.entries(descriptors).map(([name, work]) => [
      name,
      withCallback(name, async (...args: never[]) => work(...args)),
    ]),
  ),
  ...Object.fromEntries(syncNames.map((name) => [name, refusing(`fs.${name}`, instead)])),
  ...Object.fromEntries(
    others.map((name) => [
      name,
      () => {
        throw noSuchOperation(name);
      },
    ]),
  ),
  open: withCallback("open", openFd as unknown as Func),
  read: giving(read, ["bytesRead", "buffer"]),
  write: giving(write, ["bytesWritten", "buffer"]),
  writev: giving(writev, ["bytesWritten", "buffers"]),
  exists,
  existsSync,
  createReadStream,
  createWriteStream,
  promises,
  constants,
  Dirent,
  Stats,
  ReadStream,
  WriteStream,
  FileReadStream: ReadStream,
  FileWriteStream: WriteStream,
  F_OK: 0,
  R_OK: 4,
  W_OK: 2,
  X_OK: 1,
};
