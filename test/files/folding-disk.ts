// A directory whose names are the same in upper and lower case, on a tmpfs of its own, where this kernel has that.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";

/** undefined where there is none. Unmounted when `t` ends. */
export function foldingDisk(t: Test): string | undefined {
  const mountPoint = mkdtempSync(join(tmpdir(), "mayfly-folding-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "casefold,mode=0700", "tmpfs", mountPoint]);
  if (mounted.status !== 0) {
    rmdirSync(mountPoint);
    return undefined;
  }
  t.teardown(() => {
    spawnSync("umount", ["-l", mountPoint]);
    rmdirSync(mountPoint);
  });
  const folding = join(mountPoint, "folding");
  mkdirSync(folding);
  return spawnSync("chattr", ["+F", folding]).status === 0 ? folding : undefined;
}
