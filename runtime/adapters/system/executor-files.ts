// The five files that an executor consists of: Node, isolated-vm's addon, the executor's script, the guest's globals and
// V8's code cache for them. The last three come into the state directory's cache: the scripts are built here, from the
// sources, or were built with the package; the code cache is guest-cache.ts's.
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { keepGuestCache } from "./guest-cache.ts";
import { builtScript, isBuilt } from "./own-modules.ts";

/** Absolute paths. */
export interface ExecutorFiles {
  node: string;
  addon: string;
  entry: string;
  guest: string;
  codeCache: string;
}

const runtime = fileURLToPath(new URL("../../", import.meta.url));
const require = createRequire(import.meta.url);

/** The scripts by their names, and what each is built of: the program of an executor, what runs in its isolate, … */
const builders = {
  executor: () => buildEntry("executor/main.ts"),
  guest: buildGuest,
  "code-cache": () => buildEntry("executor/code-cache.ts"),
  attacker: () => buildEntry("executor/attacker.ts"),
} as const;

export type ExecutorScript = keyof typeof builders;

export const executorScripts = Object.keys(builders) as ExecutorScript[];

/** For scripts/build.ts: only a checkout has the sources. */
export function buildScript(name: ExecutorScript): Promise<string> {
  return builders[name]();
}

async function script(name: ExecutorScript): Promise<string> {
  return isBuilt ? readFileSync(builtScript(`${name}.js`), "utf8") : buildScript(name);
}

/** Writes what is missing from the cache; about 60 ms where it has to be built. */
export async function prepareExecutorFiles(cacheDirectory: string): Promise<ExecutorFiles> {
  mkdirSync(cacheDirectory, { recursive: true, mode: 0o755 });
  const [executor, globals, cacheMaker] = await Promise.all([
    script("executor"),
    script("guest"),
    script("code-cache"),
  ]);
  const addon = addonPath();
  const guest = keep(cacheDirectory, "guest", "js", globals);
  return {
    node: process.execPath,
    addon,
    entry: keep(cacheDirectory, "executor", "cjs", executor),
    guest,
    codeCache: await keepGuestCache({ addon, guest, maker: keep(cacheDirectory, "code-cache", "cjs", cacheMaker) }),
  };
}

function addonPath(): string {
  const manifest = require.resolve("isolated-vm/package.json");
  const { path } = createRequire(manifest)("node-gyp-build") as { path(directory: string): string };
  return path(dirname(manifest));
}

const shared = {
  bundle: true,
  write: false,
  legalComments: "none",
  absWorkingDir: runtime,
  logLevel: "silent",
  tsconfigRaw: "{}",
} as const satisfies BuildOptions;

function buildEntry(entry: string): Promise<string> {
  return built({
    ...shared,
    entryPoints: [join(runtime, entry)],
    format: "cjs",
    platform: "node",
    target: "node24",
  });
}

async function buildGuest(): Promise<string> {
  const script = await built({
    ...shared,
    entryPoints: [join(runtime, "guest/main.ts")],
    format: "iife",
    globalName: "guest",
    minifyWhitespace: true,
    minifySyntax: true,
    platform: "neutral",
    target: "es2024",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker"],
    inject: ["encoding", "shims/buffer", "shims/process"].map((name) => join(runtime, `guest/${name}.ts`)),
    alias: guestAliases(),
  });
  // The script's value is `boot`, and it leaves no global behind. Strict, so that no function of it can be had from a
  // stack's call sites (Error.prepareStackTrace) or by `caller`.
  return `(() => { "use strict"; ${script}\nreturn guest.default; })()`;
}

/** What the guest's packages get in the place of what they ask for. */
function guestAliases(): Record<string, string> {
  const shim = (name: string) => join(runtime, `guest/shims/${name}.cts`);
  const undici = dirname(require.resolve("undici/package.json"));
  const nothing = [
    "sqlite",
    "events",
    "http",
    "net",
    "perf_hooks",
    "querystring",
    "stream/web",
    "worker_threads",
    "zlib",
  ];
  return {
    tr46: join(runtime, "guest/tr46.ts"), // asks Node for what would be a table of 246 KB
    // whatwg-url gets it without the legacy multi-byte tables, 150 KB, which a TextDecoder loads when it needs them
    "@exodus/bytes/encoding.js": require.resolve("@exodus/bytes/encoding-lite.js"),
    "mayfly:multi-byte": require.resolve("@exodus/bytes/encoding.js"),
    ...Object.fromEntries(
      ["data-url", "formdata", "headers", "request", "response"].map((name) => [
        `mayfly:undici/${name}`,
        join(undici, `lib/web/fetch/${name}.js`),
      ]),
    ),
    "node:assert": shim("assert"),
    "node:crypto": shim("crypto"),
    "node:stream": shim("stream"),
    "node:util": shim("util"),
    "node:util/types": shim("util"),
    ...Object.fromEntries(nothing.map((name) => [`node:${name}`, shim("nothing")])),
  };
}

async function built(options: BuildOptions): Promise<string> {
  const { outputFiles } = await build({ ...options, write: false });
  return outputFiles[0]?.text ?? "";
}

// Named by content, so that processes of different versions don't disturb each other; complete once it has its name.
function keep(directory: string, name: string, extension: string, text: string): string {
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 16);
  const path = join(directory, `${name}-${digest}.${extension}`);
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) {
    const unfinished = `${path}.${process.pid}`;
    writeFileSync(unfinished, text, { mode: 0o644 });
    chmodSync(unfinished, 0o644);
    renameSync(unfinished, path);
  }
  return path;
}

/** The same walls and another inhabitant: what `mayfly doctor --attack` tries from inside (executor/attacker.ts). */
export async function withAttacker(files: ExecutorFiles): Promise<ExecutorFiles> {
  return { ...files, entry: keep(dirname(files.entry), "attacker", "cjs", await script("attacker")) };
}
