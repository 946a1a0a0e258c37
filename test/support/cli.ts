// A temporary project (config, jobs, state) and the real command line in it, as child processes. Answers for starting
// them, for waiting on what they say, and for leaving neither processes nor files. What is asserted is the tests'.
import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openLedger } from "../../runtime/compose.ts";
import { parseConfig } from "../../runtime/config.ts";
import type { RunRecord } from "../../runtime/model/run.ts";

export const mainFile = fileURLToPath(new URL("../../runtime/cli/main.ts", import.meta.url));

/** What is to be undone, and when: a test, or a script. */
export interface Scope {
  teardown(undo: () => unknown): void;
}

export interface ProjectFiles {
  /** Argument of `defineConfig`, as source text; or the whole of sandbox.config.ts where it begins with "import". */
  config?: string;
  /** Name of a job to the body of its function, or to the whole module where it begins with "import" or "export". */
  jobs?: Readonly<Record<string, string>>;
}

export interface Project {
  directory: string;
  state: string;
  /** Writes a file below the directory. */
  write(path: string, text: string): Promise<void>;
}

/** Removed when `t` ends. Its path is short enough for a unix socket, wherever the repository lies. */
export async function makeProject(t: Scope, { config, jobs = {} }: ProjectFiles): Promise<Project> {
  const directory = await mkdtemp(join(tmpdir(), "mayfly-cli-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  };
  if (config !== undefined) await write("sandbox.config.ts", configModule(config));
  for (const [name, body] of Object.entries(jobs)) await write(`jobs/${name}.ts`, jobModule(body));
  return { directory, state: join(directory, ".mayfly"), write };
}

function configModule(config: string): string {
  if (/^(?:import|throw|export)/.test(config)) return config;
  return `import { defineConfig, issuers } from "mayfly";\nexport default defineConfig(${config});\n`;
}

function jobModule(body: string): string {
  if (/^(?:import|export)/.test(body)) return body;
  return `import { defineJob } from "mayfly";\nexport default defineJob(async ({ input, credential, files, fetch, log, signal }) => {\n${body}\n});\n`;
}

/** A config with these jobs, each with `extra` in its entry, as source text. */
export function configOf(jobs: Readonly<Record<string, string>>, top = ""): string {
  const entries = Object.entries(jobs).map(([name, extra]) => `"${name}": { entry: "./jobs/${name}.ts", ${extra} }`);
  return `{ ${top} jobs: { ${entries.join(", ")} } }`;
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** Resolves once stderr has a line that matches, with the match; rejects when the process ends without one. */
  says(pattern: RegExp): Promise<RegExpMatchArray>;
  signal(name: NodeJS.Signals): void;
  /** What it said so far. */
  stderr(): string;
}

export interface CliOptions {
  env?: Readonly<Record<string, string>>;
  /** Standard input. */
  input?: string;
  /** Put before the program: `setpriv …`. */
  before?: readonly string[];
}

/** Starts `mayfly <args>` in the project. It is killed by its pid when `t` ends, should it still run then. */
export function launch(t: Scope, project: Project, args: readonly string[], options: CliOptions = {}): Running {
  const { env = {}, input = "", before = [] } = options;
  const { PATH = "", NODE_COMPILE_CACHE } = process.env;
  const compiled = NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE };
  // The test runner puts its own hooks into NODE_OPTIONS of every child: they are no part of what is tried here.
  const child = spawn("/usr/bin/env", ["-u", "NODE_OPTIONS", ...before, process.execPath, mainFile, ...args], {
    cwd: project.directory,
    env: { PATH, NO_COLOR: "1", ...compiled, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const running = follow(child);
  t.teardown(() => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    return running.ended;
  });
  return running;
}

/** Runs `mayfly <args>` to its end. */
export function mayfly(t: Scope, project: Project, args: readonly string[], options?: CliOptions): Promise<Ended> {
  return launch(t, project, args, options).ended;
}

function follow(child: ChildProcess): Running {
  let stdout = "";
  let stderr = "";
  const listeners = new Set<() => void>();
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
    for (const listener of [...listeners]) listener();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return {
    pid: child.pid ?? 0,
    ended,
    stderr: () => stderr,
    signal: (name) => void child.kill(name),
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(stderr);
          if (match === null) return;
          listeners.delete(look);
          resolve(match);
        };
        listeners.add(look);
        look();
        ended.then(
          () => {
            look();
            reject(new Error(`it ended without saying ${pattern}; it said: ${stderr}`));
          },
          (error: unknown) => reject(error),
        );
      }),
  };
}

/** The run record that `--json` printed. */
export function recordOf({ stdout, stderr }: Ended): RunRecord {
  try {
    return JSON.parse(stdout) as RunRecord;
  } catch {
    throw new Error(`no run record on stdout: ${stdout}\n${stderr}`);
  }
}

/** The project's ledger, opened for reading beside whatever runs. */
export function ledgerOf(project: Project): ReturnType<typeof openLedger> {
  const { directory } = project;
  return openLedger(parseConfig({ jobs: {} }, { directory, path: join(directory, "sandbox.config.ts") }));
}

/** A PATH on which the named programs are not found: a directory of links to everything else that the runtime looks for. */
export async function pathWithout(t: Scope, missing: readonly string[]): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "mayfly-path-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  await chmod(directory, 0o755);
  const wanted = ["bwrap", "prlimit", "setpriv"].filter((name) => !missing.includes(name));
  for (const name of wanted) {
    const file = await findOnPath(name);
    if (file !== undefined) await writeFile(join(directory, name), `#!/bin/sh\nexec ${file} "$@"\n`, { mode: 0o755 });
  }
  return directory;
}

export async function findOnPath(name: string): Promise<string | undefined> {
  const { access, constants } = await import("node:fs/promises");
  for (const directory of (process.env.PATH ?? "").split(delimiter)) {
    const file = join(directory, name);
    if (
      await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  return undefined;
}

/** Resolves when `look` gives something, tried again at every turn; the test's own timeout bounds it. */
export async function eventually<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
