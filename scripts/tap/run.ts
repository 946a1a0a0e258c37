// Runs test files under tap: two at a time, no coverage, TAP on a pipe. Answers for the plugins being built (install
// scripts are off in this project), for the child being gone when this process is told to stop, and for the list of files.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { makeTapReader, type Point } from "./read.ts";

export const projectRoot = fileURLToPath(new URL("../../", import.meta.url));
const tap = join(projectRoot, "node_modules/.bin/tap");
const leftOutPlugin = '"@tapjs/typescript"';
// What Node compiled and stripped of types is kept by content and V8's flags: `mayfly run` from source takes half the time.
const compiled = join(projectRoot, "node_modules/.cache/compiled");
const pluginsEntry = join(projectRoot, "node_modules/@tapjs/test/test-built/dist/esm/index.js");

/** One line of tap's output, and the point that it is, if it is one. */
export interface TapLine {
  text: string;
  point: Point | undefined;
}

/**
 * Builds unless it is built: whoever else is testing from the same node_modules would have it taken away meanwhile. As
 * installed, tap has the plugin that .taprc leaves out.
 * @throws Error when tap's plugins can't be built.
 */
export function buildPlugins(): void {
  if (existsSync(pluginsEntry) && !readFileSync(pluginsEntry, "utf8").includes(leftOutPlugin)) return;
  const built = spawnSync(tap, ["build"], { cwd: projectRoot, encoding: "utf8" });
  if (built.status === 0) return;
  throw new Error(`${built.stdout}${built.stderr}\ntap build failed: is node_modules complete? npm ci`);
}

/** All test files whose path begins with one of `asked`; all of them when nothing is asked. Paths from the root, sorted. */
export function testFiles(asked: readonly string[] = []): string[] {
  const all = readdirSync(join(projectRoot, "test"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => `test/${name}`)
    .sort();
  return asked.length === 0
    ? all
    : all.filter((file) => asked.some((prefix) => file.startsWith(prefix.replace(/^\.\//, ""))));
}

/** Runs the files and hands each line on as it comes. @returns tap's exit code, 1 for a signal. */
export async function runTap(files: readonly string[], onLine: (line: TapLine) => void): Promise<number> {
  const child = spawn(tap, ["run", "--disable-coverage", "--reporter=tap", ...files], {
    cwd: projectRoot,
    env: { NODE_COMPILE_CACHE: compiled, ...process.env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number>((resolve) => child.on("close", (exit) => resolve(exit ?? 1)));
  const reader = makeTapReader();
  for await (const text of createInterface({ input: child.stdout })) onLine({ text, point: reader.line(text) });
  return ended;
}
