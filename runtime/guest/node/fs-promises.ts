// node:fs/promises.
import constants from "mayfly:constants/fs";
import {
  access,
  appendFile,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  type PathLike,
  pathOf,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  truncate,
  unlink,
  writeFile,
} from "./fs-core.ts";
import { noSuchOperation } from "./fs-errors.ts";
import { FileHandle } from "./fs-handle.ts";
import type { Dirent } from "./fs-stats.ts";

/** A directory's entries, one after the other. */
async function opendir(target: PathLike) {
  const at = pathOf(target);
  const entries = (await readdir(at, { withFileTypes: true })) as Dirent[];
  const left = [...entries];
  return {
    path: at,
    read: async () => left.shift() ?? null,
    close: async () => {},
    async *[Symbol.asyncIterator]() {
      for (let entry = left.shift(); entry !== undefined; entry = left.shift()) yield entry;
    },
  };
}

/** Owners, modes and times are not kept: the file must be there, and stays as it is. */
async function unchanged(target: PathLike): Promise<void> {
  await access(target);
}

const refused = (name: string) => (): Promise<never> => Promise.reject(noSuchOperation(`promises.${name}`));

export default {
  access,
  appendFile,
  chmod: unchanged,
  chown: unchanged,
  constants,
  copyFile,
  cp,
  lchmod: unchanged,
  lchown: unchanged,
  link: refused("link"),
  lstat: stat,
  lutimes: unchanged,
  mkdir,
  mkdtemp,
  open: (target: PathLike, flags?: unknown) => FileHandle.open(target, flags),
  opendir,
  readFile,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  statfs: refused("statfs"),
  symlink: refused("symlink"),
  truncate,
  unlink,
  utimes: unchanged,
  watch(): never {
    throw noSuchOperation("promises.watch");
  },
  glob(): never {
    throw noSuchOperation("promises.glob");
  },
  writeFile,
};
