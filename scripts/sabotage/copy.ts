// A private copy of the tree, in which a defence can be taken out while nobody else notices. Dependencies are linked, as
// is what tap has built; temporary files of its tests go into a directory of the copy's own, which goes with it.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sabotage } from "./sabotage.ts";

/**
 * What runs in a copy begins with this: a test runner puts its hooks into NODE_OPTIONS of every child, and they are no
 * part of what is tried.
 */
export const withoutHooks: readonly string[] = ["-u", "NODE_OPTIONS"];
/** Of coreutils; takes `withoutHooks`, then a program and its arguments, and becomes that program. */
export const envTool = "/usr/bin/env";

export interface Copy {
  readonly root: string;
  /** For TMPDIR. */
  readonly temporary: string;
  /** @returns what puts the file back exactly. */
  apply(sabotage: Sabotage): () => void;
  remove(): void;
}

const leftOut = new Set(["node_modules", ".git", ".mayfly", ".tap", "dist"]);
const linked = ["node_modules", ".tap"];

/** @param root the tree to copy. */
export function makeCopy(root: string): Copy {
  // Short, for the unix sockets below it; open to others, as a checkout is: tests run parts as another user.
  const home = mkdtempSync(join(tmpdir(), "sab-"));
  chmodSync(home, 0o755);
  const copy = join(home, "tree");
  const temporary = join(home, "t");
  mkdirSync(temporary);
  chmodSync(temporary, 0o1777);
  cpSync(root, copy, {
    recursive: true,
    filter: (path) => !leftOut.has(path.slice(root.replace(/\/$/, "").length + 1)),
  });
  for (const name of linked) if (existsSync(join(root, name))) symlinkSync(join(root, name), join(copy, name));
  return {
    root: copy,
    temporary,
    apply({ file, find, replace }) {
      const path = join(copy, file);
      const before = readFileSync(path, "utf8");
      writeFileSync(
        path,
        before.replace(find, () => replace),
      );
      return () => writeFileSync(path, before);
    },
    remove: () => rmSync(home, { recursive: true, force: true, maxRetries: 3 }),
  };
}
