// The files of a user's project, which are not ours: what is there is never written over. A new file is made only where
// nothing has its name, not even a link; a file that is to say more gets a line at its end; and the config, when it is
// changed on request, changes as a whole or not at all.
import { existsSync } from "node:fs";
import { appendFile, mkdir, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { escapeLine, MayflyError, messageOf } from "../../model/error.ts";

/** Paths are relative to the project's directory. All reject with MayflyError `project_files`. */
export interface ProjectFiles {
  /** Whether there is something of that name. */
  has(path: string): boolean;
  /** undefined where there is none. */
  read(path: string): Promise<string | undefined>;
  /** @returns false where something has that name: it is left as it is. Missing directories are made. */
  writeNew(path: string, text: string): Promise<boolean>;
  append(path: string, text: string): Promise<void>;
  /**
   * Puts `text` in the place of the file's, once `proves` has not rejected for it: that gets a file beside it, with the
   * same ending, which is then removed or takes its place.
   */
  replace(path: string, text: string, proves: (candidate: string) => Promise<void>): Promise<void>;
  /** Whether a module of the project finds that package. */
  finds(packageName: string): boolean;
}

/** @param directory absolute. */
export function makeProjectFiles(directory: string): ProjectFiles {
  const at = (path: string) => join(directory, path);

  return {
    has: (path) => existsSync(at(path)),
    read: (path) => told(path, () => unless("ENOENT", readFile(at(path), "utf8"))),
    async writeNew(path, text) {
      await told(path, () => mkdir(dirname(at(path)), { recursive: true }));
      const written = writeFile(at(path), text, { flag: "wx" }).then(() => true);
      return (await told(path, () => unless("EEXIST", written))) ?? false;
    },
    append: (path, text) => told(path, () => appendFile(at(path), text)),
    async replace(path, text, proves) {
      const real = await told(path, () => realpath(at(path)));
      const candidate = join(dirname(real), `${process.pid}.new${extname(real)}`);
      try {
        await told(path, () => makeBeside(real, candidate, text));
        await proves(candidate);
        await told(path, () => rename(candidate, real));
      } finally {
        await rm(candidate, { force: true });
      }
    },
    finds(packageName) {
      try {
        createRequire(at("package.json")).resolve(`${packageName}/package.json`);
        return true;
      } catch {
        return false;
      }
    },
  };
}

async function makeBeside(real: string, candidate: string, text: string): Promise<void> {
  const { mode } = await stat(real);
  await writeFile(candidate, text, { flag: "wx", mode: mode & 0o777 });
}

async function unless<T>(code: string, acting: Promise<T>): Promise<T | undefined> {
  return acting.catch((cause: NodeJS.ErrnoException) => (cause.code === code ? undefined : Promise.reject(cause)));
}

async function told<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw new MayflyError({
      code: "project_files",
      message: `a file of the project could not be read or written: ${escapeLine(path, 200)}`,
      found: escapeLine(messageOf(cause), 300),
      next: "look at the rights and the names there; what was written before it stays",
      cause,
    });
  }
}
