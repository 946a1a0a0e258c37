// The four files that an executor consists of: Node, isolated-vm's addon, the executor's script and the guest's globals.
// The last two are built here with esbuild, from the sources beside this file, into the state directory's cache.
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";

/** Absolute paths. */
export interface ExecutorFiles {
  node: string;
  addon: string;
  entry: string;
  guest: string;
}

const runtime = fileURLToPath(new URL("../../", import.meta.url));
const require = createRequire(import.meta.url);

/** Builds what is missing from the cache; about 60 ms. */
export async function prepareExecutorFiles(cacheDirectory: string): Promise<ExecutorFiles> {
  mkdirSync(cacheDirectory, { recursive: true, mode: 0o755 });
  const [executor, guest] = await Promise.all([buildExecutor(), buildGuest()]);
  return {
    node: process.execPath,
    addon: addonPath(),
    entry: keep(cacheDirectory, "executor", "cjs", executor),
    guest: keep(cacheDirectory, "guest", "js", guest),
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

function buildExecutor(): Promise<string> {
  return built({
    ...shared,
    entryPoints: [join(runtime, "executor/main.ts")],
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
    minify: true,
    keepNames: true,
    platform: "neutral",
    target: "es2024",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker"],
    inject: [join(runtime, "guest/encoding.ts")],
    alias: {
      tr46: join(runtime, "guest/tr46.ts"), // asks Node for what would be a table of 246 KB
      "@exodus/bytes/encoding.js": require.resolve("@exodus/bytes/encoding-lite.js"), // without the legacy multi-byte tables, 150 KB
    },
  });
  // The script's value is `boot`, and it leaves no global behind.
  return `(() => { ${script}\nreturn guest.default; })()`;
}

async function built(options: BuildOptions): Promise<string> {
  const { outputFiles } = await build({ ...options, write: false });
  return outputFiles[0]?.text ?? "";
}

// Named by content, so that processes of different versions don't disturb each other; complete once it has its name.
function keep(directory: string, name: string, extension: string, text: string): string {
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 16);
  const path = join(directory, `${name}-${digest}.${extension}`);
  if (!existsSync(path)) {
    const unfinished = `${path}.${process.pid}`;
    writeFileSync(unfinished, text, { mode: 0o644 });
    chmodSync(unfinished, 0o644);
    renameSync(unfinished, path);
  }
  return path;
}
