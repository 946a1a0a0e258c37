// The package's JavaScript and types, in dist/: `npm pack` runs it. Node strips no types below node_modules. dist/ is laid
// out as runtime/ is, a file for a file, so that what finds its neighbours by import.meta.url finds them there too; the
// scripts of executor and guest are built into dist/built. What no entry reaches stays out: stand-ins, servers of tests.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type Plugin } from "esbuild";
import { buildScript, executorScripts } from "../runtime/adapters/system/executor-files.ts";
import { buildLayer, layerFile } from "../runtime/adapters/system/node-layer.ts";
import { importsOf, tokenize } from "../test/tidy-reader.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const runtime = join(root, "runtime");
const finished = join(root, "dist");
const target = `${finished}-${process.pid}`;

/** What is imported from outside, and has types. */
const surface = ["index", "testkit/index"];
/** What is started, or loaded by where it lies (adapters/system/own-modules.ts). */
const started = ["cli/main", "adapters/stores/sqlite-checkpoint"];

const shared = {
  absWorkingDir: runtime,
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node24",
  charset: "utf8",
  logLevel: "warning",
} as const satisfies BuildOptions;

/** Leaves imports where they are, under the names that the files have in dist/. */
const neighbours: Plugin = {
  name: "neighbours",
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\.?\// }, ({ path }) => ({ path: path.replace(/\.ts$/, ".js"), external: true })),
};

async function reached(): Promise<string[]> {
  const entryPoints = [...surface, ...started].map((name) => join(runtime, `${name}.ts`));
  const { metafile } = await build({ ...shared, entryPoints, outdir: target, write: false, metafile: true });
  return Object.keys(metafile.inputs).map((path) => join(runtime, path));
}

async function buildModules(): Promise<void> {
  await build({ ...shared, entryPoints: await reached(), outdir: target, outbase: runtime, plugins: [neighbours] });
}

async function buildScripts(): Promise<void> {
  mkdirSync(join(target, "built"), { recursive: true });
  for (const name of executorScripts) writeFileSync(join(target, "built", `${name}.js`), await buildScript(name));
  writeFileSync(join(target, "built", layerFile), JSON.stringify(Object.fromEntries(await buildLayer())));
}

/** Of the surface, and of what its types name. */
function buildTypes(): void {
  const all = `${target}-types`;
  const words = ["-p", join(root, "tsconfig.package.json"), "--outDir", all];
  const { status, stdout, stderr } = spawnSync(join(root, "node_modules/.bin/tsc"), words, { encoding: "utf8" });
  try {
    if (status !== 0) throw new Error(`tsc: ${stdout}${stderr}`);
    const files = surface.map((name) => `${name}.d.ts`);
    for (const file of files) {
      const text = readFileSync(join(all, file), "utf8");
      for (const { specifier } of importsOf(tokenize(text))) {
        const path = posix.join(posix.dirname(file), specifier).replace(/\.ts$/, ".d.ts");
        if (specifier.startsWith(".") && !files.includes(path)) files.push(path);
      }
      mkdirSync(dirname(join(target, file)), { recursive: true });
      writeFileSync(join(target, file), text.replace(/(["'])(\.\.?\/[^"'\n]+)\.ts\1/g, "$1$2.js$1"));
    }
  } finally {
    rmSync(all, { recursive: true, force: true });
  }
}

try {
  await buildModules();
  await buildScripts();
  buildTypes();
  cpSync(join(runtime, "ambient"), join(target, "ambient"), { recursive: true }); // types of a job's globals, as they are
  rmSync(finished, { recursive: true, force: true });
  renameSync(target, finished);
} finally {
  rmSync(target, { recursive: true, force: true });
}
