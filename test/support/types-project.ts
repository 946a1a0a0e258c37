// A folder with jobs in it, as `mayfly init` leaves one where Mayfly is installed, and the real tsc over them. The package is
// this checkout's, under the names that it exports.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Test } from "tap";
import { jobsTsconfigFile } from "../../runtime/cli/project/templates.ts";
import { cleanEnv, plainly } from "./system-node.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const tsc = join(root, "node_modules/typescript/bin/tsc");

export interface TypesProject {
  /** By path from the folder. */
  write(files: Readonly<Record<string, string>>): void;
  /** What tsc says of jobs/, or of another project of the folder: each error with what it adds. Paths start in the folder. */
  check(words?: readonly string[], project?: string): string[];
}

export function makeTypesProject(t: Test, files: Readonly<Record<string, string>> = {}): TypesProject {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-types-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const installed = join(directory, "node_modules/mayfly");
  mkdirSync(join(installed, "dist"), { recursive: true });
  copyFileSync(join(root, "package.json"), join(installed, "package.json"));
  symlinkSync(join(root, "runtime/ambient"), join(installed, "dist/ambient"));
  writeFileSync(join(installed, "dist/job.d.ts"), `export * from ${JSON.stringify(join(root, "runtime/job.ts"))};\n`);
  const project: TypesProject = {
    write(all) {
      for (const [path, text] of Object.entries(all)) {
        mkdirSync(dirname(join(directory, path)), { recursive: true });
        writeFileSync(join(directory, path), text);
      }
    },
    check(words = [], of = "jobs") {
      const all = ["-p", of, "--pretty", "false", "--noErrorTruncation", ...words];
      const { status, stdout, stderr, error } = spawnSync(...plainly(process.execPath, [tsc, ...all]), {
        cwd: directory,
        env: cleanEnv(),
        encoding: "utf8",
      });
      if (error !== undefined) throw error;
      if (status === null || stderr !== "") throw new Error(`tsc: ${stderr}`);
      return stdout.split(/\n(?! )/).filter((each) => each !== "");
    },
  };
  project.write({ [jobsTsconfigFile.path]: jobsTsconfigFile.text, ...files });
  return project;
}

/** A tsconfig.json of jobs that were granted all there is. */
export const grantedTsconfig = `{
  "extends": "mayfly/jobs/tsconfig.json",
  "compilerOptions": { "types": ["globals", "node", "web-assembly", "shared-memory"] },
  "include": ["."]
}
`;
