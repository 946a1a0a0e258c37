// Tells when files were saved. Directories are watched, not files: an editor that saves by renaming makes a new file, and
// one that isn't there yet can still come. A save makes several events, so the telling waits for a moment of silence; and
// what was saved while nobody listened is told to the next who does, so that no save gets lost between two looks.
import { existsSync, type FSWatcher, watch } from "node:fs";
import { dirname, join } from "node:path";
import { escapeLine, MayflyError, messageOf } from "../../model/error.ts";

/** Editors truncate, write and rename within a few milliseconds. */
const quietMs = 50;

export interface FileWatch {
  /**
   * From now on these, instead of those before; absolute. They need not exist. With `beside`, all that is saved in their
   * directories counts, hidden names apart: what a module misses may be about to be written.
   * @returns whether one of them wasn't watched before: what was read of it may be older than the watch.
   */
  set(files: Iterable<string>, options?: { beside?: boolean }): boolean;
  /** Resolves with the paths that were saved since it resolved last, once there are some. For one listener. */
  saved(): Promise<string[]>;
  close(): void;
}

export function makeFileWatch(): FileWatch {
  let wanted: ReadonlySet<string> = new Set();
  let countsAll = false;
  let watchers = new Map<string, FSWatcher>();
  const changed = new Set<string>();
  let listener: ((paths: string[]) => void) | undefined;
  let silence: NodeJS.Timeout | undefined;

  function tell(): void {
    silence = undefined;
    if (listener === undefined || changed.size === 0) return;
    const paths = [...changed].sort();
    changed.clear();
    listener(paths);
    listener = undefined;
  }

  function note(path: string): void {
    changed.add(path);
    clearTimeout(silence);
    silence = setTimeout(tell, quietMs);
  }

  // A directory that isn't there yet is waited for in the nearest one above it.
  function onEvent(directory: string, name: string | null): void {
    const path = name === null ? directory : join(directory, name);
    const isWanted = [...wanted].some((file) => file === path || file.startsWith(`${path}/`));
    const isBeside = countsAll && name !== null && !name.startsWith(".");
    if (isWanted || isBeside) note(path);
  }

  function open(directory: string): FSWatcher {
    try {
      const watcher = watch(directory, (_event, name) => onEvent(directory, name));
      watcher.on("error", () => onEvent(directory, null));
      return watcher;
    } catch (cause) {
      throw new MayflyError({
        code: "project_files",
        message: `${escapeLine(directory, 300)} can't be watched`,
        found: escapeLine(messageOf(cause), 300),
        next: "raise fs.inotify.max_user_watches, or run the job by hand with `mayfly run`",
        cause,
      });
    }
  }

  return {
    set(files, { beside = false } = {}) {
      const next = new Set(files);
      const grew = [...next].some((file) => !wanted.has(file));
      wanted = next;
      countsAll = beside;
      const before = watchers;
      watchers = new Map();
      // Opened anew each time: one on a directory that was removed and made again would hear nothing.
      for (const directory of new Set([...next].map(nearestDirectory))) watchers.set(directory, open(directory));
      for (const watcher of before.values()) watcher.close();
      return grew;
    },
    saved() {
      return new Promise((resolve) => {
        listener = resolve;
        if (silence === undefined) tell();
      });
    },
    close() {
      clearTimeout(silence);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

function nearestDirectory(file: string): string {
  let directory = dirname(file);
  while (!existsSync(directory) && dirname(directory) !== directory) directory = dirname(directory);
  return directory;
}
