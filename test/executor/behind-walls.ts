// Runs a program of a test's own behind the very walls of an executor, by the very command line that raises them, or with
// one wall left out, to see that the others hold alone.
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import tmp from "tmp";
import { type ExecutorFiles, prepareExecutorFiles } from "../../runtime/adapters/system/executor-files.ts";
import { planSandbox } from "../../runtime/adapters/system/sandbox.ts";

/** What is left out. */
export type Gap = "seccomp" | "network-namespace" | "node-permission";

export interface Intruder {
  /** Stands in the executor's place. */
  script: string;
  /** What runs it: an interpreter of this machine; Node when absent. */
  interpreter?: string;
  without?: readonly Gap[];
}

const { name: directory } = tmp.dirSync({ unsafeCleanup: true });
tmp.setGracefulCleanup();
chmodSync(directory, 0o755); // nobody reads the script
let prepared: Promise<ExecutorFiles> | undefined;

/** Why there is nothing to try here, undefined when there is. */
export function whyNoWalls(): string | undefined {
  const found = (process.env.PATH ?? "").split(":").some((folder) => existsSync(join(folder, "bwrap")));
  return found ? undefined : "bubblewrap is not installed";
}

/** @returns what it wrote to stdout. @throws Error when it ended otherwise than with 0. */
export async function behindWalls({ interpreter, script, without = [] }: Intruder): Promise<string> {
  prepared ??= prepareExecutorFiles(join(directory, "cache"));
  const files = await prepared;
  const entry = writeScript(script);
  const gaps = without.includes("seccomp") ? { noSeccomp: "left out by the test" } : {};
  const cgroups = { missing: "none in this test" };
  const sandbox = planSandbox({ files: { ...files, entry }, cgroups, path: process.env.PATH ?? "", ...gaps });
  const { file, args: planned } = sandbox.command({ memoryBytes: 64 << 20, cpuMs: 10_000 });
  const opened = planned.filter(
    (arg) =>
      !(without.includes("network-namespace") && arg === "--unshare-net") &&
      !(without.includes("node-permission") && (arg === "--permission" || arg.startsWith("--allow-"))),
  );
  const args = interpreter === undefined ? opened : replaced(opened, interpreter);
  const child = spawn(file, args, { env: {}, cwd: "/", stdio: ["ignore", "pipe", "pipe", "ignore", "pipe", "pipe"] });
  const filter = (child.stdio as unknown[])[5] as Writable;
  filter.on("error", () => {});
  filter.end(sandbox.seccomp);
  const code = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [out, err] = await Promise.all([child.stdout, child.stderr].map((stream) => textOf(stream as Readable)));
  if ((await code) !== 0) throw new Error(`it ended with ${await code}: ${err}`);
  return out ?? "";
}

let scripts = 0;

function writeScript(script: string): string {
  scripts += 1;
  const path = join(directory, `script-${scripts}.cjs`);
  writeFileSync(path, script, { mode: 0o644 });
  return path;
}

// The interpreter and its libraries join the mount tree; Node's command gives way to it.
function replaced(args: readonly string[], file: string): string[] {
  const libraries = spawnSync("ldd", [file], { encoding: "utf8" }).stdout.match(/\/\S+\.so\S*/g) ?? [];
  const known = new Set(args);
  const binds = [file, ...libraries.filter((path) => !known.has(path))].flatMap((path) => ["--ro-bind", path, path]);
  const readOnly = args.indexOf("--remount-ro");
  const node = args.indexOf("/node", args.indexOf("--chdir"));
  return [...args.slice(0, readOnly), ...binds, ...args.slice(readOnly, node), file, "/executor.cjs"];
}

async function textOf(stream: Readable): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += chunk;
  return text;
}
