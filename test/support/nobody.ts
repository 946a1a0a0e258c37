// Tests that act as an ordinary user although the suite runs as root.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const nobody = 65_534;

/** Why that user can't run this checkout's Node on its files; undefined when it can. */
export function whyNobodyCanNot(): string | undefined {
  const file = fileURLToPath(import.meta.url);
  const script = `require("node:fs").readFileSync(${JSON.stringify(file)})`;
  const tried = spawnSync(process.execPath, ["-e", script], { uid: nobody, gid: nobody, cwd: "/", env: {} });
  return tried.status === 0 ? undefined : "the checkout lies where other users can't read";
}
