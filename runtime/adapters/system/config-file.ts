// Finds the config file and evaluates it. What it exports goes to `parseConfig` as it is; here it is only found, loaded
// and, when it throws, located. The config is the operator's own code and runs with our rights: a job never gets here.
import { readFile, stat } from "node:fs/promises";
import { registerHooks } from "node:module";
import { dirname, extname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { escapeLine, MayflyError, messageOf, quote } from "../../model/error.ts";
import { ownModule } from "./own-modules.ts";

export interface ConfigFile {
  /** The default export, unchecked. */
  value: unknown;
  /** Absolute. */
  path: string;
  /** Absolute: relative paths of the config start here. */
  directory: string;
}

/** For whoever loads it more than once. */
export interface Reading {
  /** Evaluate it and what it imports anew: Node keeps what it has evaluated once. Packages are kept. */
  again?: boolean;
  /** Hears of the config and of each module that it imports, packages left out, also when it then fails. Absolute. */
  onFile?: (path: string) => void;
}

/** In this order, in each directory. */
export const configNames: readonly string[] = [
  "sandbox.config.ts",
  "sandbox.config.mts",
  "sandbox.config.js",
  "sandbox.config.mjs",
  "sandbox.config.json",
];

const example = `import { defineConfig } from "mayfly";
export default defineConfig({
  jobs: {
    hello: { entry: "./jobs/hello.ts" },
  },
});`;

/**
 * Loads the config at `path`, or the nearest one from `cwd` upwards.
 * @throws MayflyError `config_missing`, `config_throws` (with file and line), `config_invalid` (no value was exported,
 * or a file that anyone can write was only found by looking upwards).
 */
export async function loadConfigFile(
  path: string | undefined,
  cwd: string,
  reading: Reading = {},
): Promise<ConfigFile> {
  const file = await findConfigFile(path, cwd);
  const value = extname(file) === ".json" ? await readJson(file, reading) : await evaluate(file, reading);
  return { value, path: file, directory: dirname(file) };
}

/** Where the config is, absolute. @throws MayflyError as `loadConfigFile`. */
export function findConfigFile(path: string | undefined, cwd: string): Promise<string> {
  return path === undefined ? find(cwd) : named(resolve(cwd, path));
}

async function named(file: string): Promise<string> {
  if (await isFile(file)) return file;
  throw new MayflyError({
    code: "config_missing",
    message: "no config at the path that was given",
    found: `nothing at ${escapeLine(file, 400)}`,
    needed: `a file such as ${configNames[0]}`,
    next: "correct the path, or leave it away: then the nearest one from here upwards is taken",
  });
}

async function find(cwd: string): Promise<string> {
  const looked: string[] = [];
  for (let directory = resolve(cwd); ; directory = dirname(directory)) {
    looked.push(directory);
    for (const name of configNames) {
      const file = join(directory, name);
      if (!(await isFile(file))) continue;
      if (looked.length > 1) await refuseWritableByAll(file);
      return file;
    }
    if (dirname(directory) === directory) break;
  }
  throw new MayflyError({
    code: "config_missing",
    message: "no config found",
    found: `no ${configNames.join(", ")} in ${looked.map((directory) => escapeLine(directory, 400)).join(", ")}`,
    needed: `a ${configNames[0]}; to start with:\n\n${example.replace(/^/gm, "    ")}\n`,
    next: "`npx mayfly init` writes one with a first job; or name another with --config",
  });
}

// A config that was not asked for by name runs with our rights: /tmp/sandbox.config.ts may be anybody's.
async function refuseWritableByAll(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o002) === 0) return;
  throw new MayflyError({
    code: "config_invalid",
    message: "the config that was found can be written by every user of this machine",
    found: `${escapeLine(file, 400)}, mode ${(mode & 0o777).toString(8)}`,
    needed: "a file that others can't write",
    next: "chmod o-w it, or name the config that you mean with --config",
  });
}

async function isFile(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined))?.isFile() === true;
}

async function readJson(file: string, { onFile }: Reading): Promise<unknown> {
  onFile?.(file);
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch (thrown) {
    throw throws(file, thrown);
  }
}

async function evaluate(file: string, reading: Reading): Promise<unknown> {
  const url = pathToFileURL(file).href;
  const mark = reading.again ? `?reading=${++readings}` : "";
  const hooks = resolveMayflyFor(url, mark, reading.onFile ?? (() => {}));
  let exported: Record<string, unknown>;
  try {
    exported = await import(url);
  } catch (thrown) {
    throw throws(file, thrown, mark);
  } finally {
    hooks.deregister();
  }
  return defaultExport(file, exported);
}

let readings = 0;

/**
 * In a config, and in what it imports, "mayfly" is the runtime that loads it, installed beside it or not; and the file
 * is a module, whatever the package.json near it says. `mark` makes other modules of the same files.
 */
function resolveMayflyFor(configUrl: string, mark: string, onFile: (path: string) => void): { deregister(): void } {
  const mayflyUrl = ownModule("index").href;
  const format = /\.m?ts$/.test(configUrl) ? "module-typescript" : "module";
  const own = new Set<string>();
  return registerHooks({
    resolve(specifier, context, next) {
      if (specifier === "mayfly") return { url: mayflyUrl, shortCircuit: true };
      const resolved = next(specifier, context);
      const isConfig = specifier === configUrl || resolved.url === configUrl; // of a link, the second is its target
      const isImported = context.parentURL !== undefined && own.has(context.parentURL) && isOwn(resolved.url);
      if (!isConfig && !isImported) return resolved;
      const url = `${resolved.url}${mark}`;
      own.add(url);
      onFile(fileURLToPath(resolved.url));
      return isConfig ? { ...resolved, url, format } : { ...resolved, url };
    },
  });
}

function isOwn(url: string): boolean {
  return url.startsWith("file:") && !url.includes("/node_modules/");
}

// A promise would be a config that isn't known yet; top-level await says the same in a way that can be located.
function defaultExport(file: string, exported: Record<string, unknown>): unknown {
  const value = exported.default;
  const isPromise = typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
  if (value !== undefined && !isPromise) return value;
  const others = Object.keys(exported).filter((name) => name !== "default");
  const nothing =
    others.length === 0
      ? "no export"
      : `exports ${others
          .slice(0, 10)
          .map((name) => quote(name, 60))
          .join(", ")}`;
  throw new MayflyError({
    code: "config_invalid",
    message: `${escapeLine(file, 400)} exports no config`,
    found: isPromise ? "a promise as the default export" : nothing,
    needed: "export default defineConfig({ jobs: { … } })",
    next: isPromise
      ? "await it inside of the file: export default defineConfig(await …)"
      : "export the config as the default",
  });
}

function throws(file: string, thrown: unknown, mark = ""): MayflyError {
  const line = lineOf(file, thrown, mark);
  const where = line === undefined ? file : `${file}:${line}`;
  return new MayflyError({
    code: "config_throws",
    message: `${escapeLine(where, 400)} could not be evaluated`,
    found: escapeLine(messageOf(thrown), 400),
    next: "correct the file; nothing was started",
    cause: thrown,
  });
}

// The first place in the stack that is in the config itself: V8 names it by URL, the TypeScript stripper by path.
function lineOf(file: string, thrown: unknown, mark: string): string | undefined {
  const stack = thrown instanceof Error ? (thrown.stack ?? "") : "";
  const url = pathToFileURL(file).href;
  for (const spelling of [`${url}${mark}`, url, file]) {
    const at = stack.indexOf(`${spelling}:`);
    const place =
      at < 0 ? null : /^\d+(?::\d+)?/.exec(stack.slice(at + spelling.length + 1, at + spelling.length + 24));
    if (place !== null) return place[0];
  }
  return undefined;
}
