// The `node:*` modules of jobs: one file a module and chunks that they share, minified, with the npm packages beneath them,
// which are ours and not the job's. Built from guest/node/ once a process, or with the package. What is constant in Node stays
// an import in them, and is taken from the very Node that runs the executors.
import { constants as cryptoConstants } from "node:crypto";
import { constants as fsConstants, readFileSync } from "node:fs";
import { METHODS, STATUS_CODES } from "node:http";
import { builtinModules, createRequire } from "node:module";
import { constants as osConstants } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { constants as zlibConstants } from "node:zlib";
import { build, type Plugin } from "esbuild";
import { offeredParts, servedModules } from "./node-names.ts";
import { builtScript, isBuilt } from "./own-modules.ts";

/** Text by file name. */
export type NodeLayer = ReadonlyMap<string, string>;

const runtime = fileURLToPath(new URL("../../", import.meta.url));
const sources = join(runtime, "guest/node");
const require = createRequire(import.meta.url);

/** What the bundler imports by name: see node-modules.ts. */
const others = ["host", "refuse", "timer-handles"];

let made: Promise<NodeLayer> | undefined;

/** About 150 ms, the first time, where it has to be built. */
export function nodeLayer(): Promise<NodeLayer> {
  made ??= (isBuilt ? readLayer() : buildLayer()).catch((error: unknown) => {
    made = undefined;
    throw error;
  });
  return made;
}

/** Of the package, as scripts/build.ts keeps it. */
export const layerFile = "node-layer.json";

async function readLayer(): Promise<NodeLayer> {
  return new Map(Object.entries(JSON.parse(readFileSync(builtScript(layerFile), "utf8")) as Record<string, string>));
}

/** For scripts/build.ts too: only a checkout has the sources. */
export async function buildLayer(): Promise<NodeLayer> {
  const names = new Set([...Object.values(servedModules), ...Object.values(offeredParts), ...others]);
  const { outputFiles } = await build({
    entryPoints: [...names].map((name) => join(sources, `${name}.ts`)),
    absWorkingDir: runtime,
    outdir: join(runtime, "node"),
    bundle: true,
    write: false,
    format: "esm",
    splitting: true,
    chunkNames: "chunk-[hash]",
    minify: true,
    keepNames: true,
    charset: "utf8",
    legalComments: "none",
    platform: "neutral",
    target: "node26",
    mainFields: ["module", "main"],
    // npm's path and inspect ask for it and go on without; path.ts gives only whole paths to the first.
    define: { global: "globalThis", "process.cwd": "undefined", "process.env.NODE_ENV": '"production"' },
    tsconfigRaw: "{}",
    logLevel: "silent",
    plugins: [beneath],
  });
  return new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
}

const ours = (file: string, member = "default") =>
  `module.exports = require(${JSON.stringify(join(sources, file))}).${member};`;

/** What the npm packages of the layer import, and get of us. */
const replaced: Readonly<Record<string, string>> = {
  buffer: ours("buffer.ts"),
  events: ours("events.ts"),
  process: ours("process.ts"),
  string_decoder: ours("string_decoder.ts"),
  "safe-buffer": ours("buffer.ts"),
  punycode: `module.exports = require(${JSON.stringify(require.resolve("punycode/punycode.js"))});`,
  // The guest has both as globals.
  "abort-controller": "module.exports = globalThis;",
  // npm's url reads queries by a larger library than Node does.
  qs: `const q = require(${JSON.stringify(join(sources, "querystring.ts"))}).default;
    module.exports = { parse: (text) => q.parse(text), stringify: (query) => q.stringify(query) };`,
};

const constants: Readonly<Record<string, object>> = {
  crypto: cryptoConstants,
  fs: fsConstants,
  http: { METHODS, STATUS_CODES },
  module: { builtinModules: [...builtinModules] },
  os: osConstants,
  process: { versions: process.versions, arch: process.arch },
  zlib: zlibConstants,
};

const beneath: Plugin = {
  name: "mayfly-layer",
  setup(layer) {
    layer.onResolve({ filter: new RegExp(`^(?:${Object.keys(replaced).join("|")})/?$`) }, ({ path }) => ({
      path: path.replace(/\/$/, ""),
      namespace: "replaced",
      sideEffects: false,
    }));
    layer.onLoad({ filter: /.*/, namespace: "replaced" }, ({ path }) => ({
      contents: replaced[path] ?? "",
      loader: "js",
      resolveDir: sources,
    }));
    layer.onResolve({ filter: /^mayfly:constants\// }, ({ path }) => ({ path, external: true, sideEffects: false }));
  },
};

/** A module whose default export is what Node has of that name. */
export function constantsModule(name: string): string {
  return `export default ${literal(constants[name])};`;
}

/** JSON, and the numbers that it lacks. */
function literal(value: unknown): string {
  if (Array.isArray(value) || typeof value !== "object" || value === null) {
    return typeof value === "number" ? String(value) : JSON.stringify(value);
  }
  return `{${Object.entries(value)
    .map(([name, each]) => `${JSON.stringify(name)}:${literal(each)}`)
    .join(",")}}`;
}
