// A disk of one megabyte or so, for tests that fill it: a tmpfs of its own, where this user may mount one.
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";

export interface SmallDisk {
  directory: string;
  /** Takes all space that is left. */
  fill(): void;
  /** Gives it back. */
  free(): void;
}

/** undefined, with the reason printed, where no tmpfs can be mounted. Unmounted when `t` ends. */
export function smallDisk(t: Test, bytes: number): SmallDisk | undefined {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-disk-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${bytes},mode=0700`, "tmpfs", directory], {
    encoding: "utf8",
  });
  if (mounted.status !== 0) {
    rmdirSync(directory);
    t.comment(`no disk of its own for this test: ${mounted.error?.message ?? mounted.stderr.trim()}`);
    return undefined;
  }
  t.teardown(() => {
    spawnSync("umount", ["-l", directory]);
    rmdirSync(directory);
  });
  const filler = join(directory, "filler");
  return {
    directory,
    fill() {
      const file = openSync(filler, "a");
      try {
        for (const block of [65_536, 4_096, 1]) writeUntilFull(file, Buffer.alloc(block));
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
  };
}

function writeUntilFull(file: number, block: Buffer): void {
  try {
    for (;;) if (writeSync(file, block) < block.length) return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}
