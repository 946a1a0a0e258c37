// Whether a sabotaged file still is a program: a replacement that leaves a syntax error, or a name that nothing declares,
// would turn tests red without a defence being missed. Types that merely no longer fit are no matter: they are stripped.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { envTool, withoutHooks } from "./copy.ts";

/** TypeScript's codes for names, modules and exports that aren't there, and for names that are there twice. */
const missingNames = new Set([2300, 2304, 2305, 2307, 2448, 2451, 2503, 2552, 2724]);

/** The compiler's word on `file`, below `root`; undefined when it would load. */
export function whyNotLoadable(root: string, file: string): Promise<string | undefined> {
  const project = file.startsWith("runtime/guest/") ? "runtime/guest" : ".";
  const compiler = join(root, "node_modules/.bin/tsc");
  const args = [...withoutHooks, compiler, "-p", project, "--pretty", "false"];
  return new Promise((resolve, reject) => {
    execFile(envTool, args, { cwd: root, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const lines = stdout.split("\n");
      const hasJudged = error === null || lines.some((line) => /error TS\d+:/.test(line));
      if (!hasJudged) return reject(new Error(`the compiler didn't run: ${stderr.slice(0, 400) || error?.message}`));
      resolve(lines.find((line) => isFatal(line, file)));
    });
  });
}

function isFatal(line: string, file: string): boolean {
  const code = Number(/error TS(\d+):/.exec(line)?.[1]);
  return line.startsWith(`${file}(`) && ((code >= 1_000 && code < 2_000) || missingNames.has(code));
}
