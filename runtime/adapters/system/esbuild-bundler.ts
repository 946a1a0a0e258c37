// The bundler: a job's module and its packages become one classic script (isolated-vm evaluates no modules that import),
// the same bytes wherever the config's directory lies. Answers for how it is built; bundle-door.ts for what is read,
// bundle-errors.ts for what is said when it fails. Only esbuild parses a job here: nothing of it is evaluated, and no
// tsconfig, plugin or setting is taken from where jobs lie (FS-21).
import { createHash } from "node:crypto";
import { realpath } from "node:fs/promises";
import { isAbsolute, join, relative } from "node:path";
import * as esbuild from "esbuild";
import { escapeLine, MayflyError, messageOf, quote } from "../../model/error.ts";
import { formatSize } from "../../model/units.ts";
import type { Bundle, Bundler } from "../../ports/bundler.ts";
import { makeBundleDoor, type Reach, type Reads, reachOf } from "./bundle-door.ts";
import { bundleFailed, wrapperName } from "./bundle-errors.ts";
import { type NodeNeeds, nodeNeedsOf, nodeOptions, nodePrelude } from "./node-modules.ts";

/** Half of what one frame to an executor takes; at 45 ms a megabyte, compiling more would cost half a second. */
export const bundleBytesMax = 8_388_608;

/** What can't be bundled: modules whose names are made at run time. esbuild would pass over them in silence. */
const runTimeNames = {
  "unsupported-dynamic-import": "warning",
  "unsupported-require-call": "warning",
  "indirect-require": "warning",
} as const;

/**
 * @param parts.directory of the config, absolute: imports stay below it, and paths in messages start there.
 * @param parts.stateDirectory never read from. Default `.mayfly` below `directory`.
 */
export function makeBundler(parts: { directory: string; stateDirectory?: string }): Bundler {
  if (!isAbsolute(parts.directory)) throw new RangeError(`absolute directory needed, found ${quote(parts.directory)}`);
  const stateDirectory = parts.stateDirectory ?? join(parts.directory, ".mayfly");
  let closed = false;

  return {
    async bundle(entry) {
      if (closed) throw new MayflyError({ code: "internal", message: "a bundle was asked of a closed bundler" });
      const reach = await reachOf(parts.directory, stateDirectory);
      const module = await realpath(entry).catch((cause: unknown) =>
        Promise.reject(jobMissing(entry, parts.directory, cause)),
      );
      const shown = relative(reach.directory, module);
      const result = await buildAsNeeded(shown, reach);
      const careless = result.warnings.filter(isCareless);
      if (careless.length > 0) throw bundleFailed(shown, careless);
      return toBundle(result, shown);
    },

    // esbuild's process is shared by all bundlers of this process: one that still works starts it again.
    async close() {
      closed = true;
      await esbuild.stop();
    },
  };
}

type Readable = Reach & { reads: Reads };
type Result = esbuild.BuildResult<ReturnType<typeof optionsFor>>;

// What a bundle needs of Node is known when it is built. One that needs something is built again, with the handover to Node's
// modules first; most need nothing, and are built once.
async function buildAsNeeded(shown: string, reach: Reach): Promise<Result> {
  const reads: Reads = new Map();
  const first = await build(shown, { ...reach, reads }, undefined);
  const script = first.outputFiles.find(({ path }) => path.endsWith("job.js"))?.text ?? "";
  const needs = nodeNeedsOf(first.metafile, script);
  return needs === undefined ? first : build(shown, { ...reach, reads }, needs);
}

/** Builds whose service went away under them, one at a time, so that a source which ends it ends no other's build twice. */
let again: Promise<unknown> = Promise.resolve();

async function build(shown: string, reach: Readable, needs: NodeNeeds | undefined): Promise<Result> {
  try {
    return await esbuild.build(optionsFor(shown, reach, needs));
  } catch (thrown) {
    if (!isServiceGone(thrown)) throw explained(shown, thrown);
  }
  const own = again.then(() => buildAlone(shown, reach, needs));
  again = own.catch(() => undefined);
  return own;
}

async function buildAlone(shown: string, reach: Readable, needs: NodeNeeds | undefined): Promise<Result> {
  await esbuild.stop(); // its library would go on asking one that has died
  try {
    return await esbuild.build(optionsFor(shown, reach, needs));
  } catch (thrown) {
    if (!isServiceGone(thrown)) throw explained(shown, thrown);
    throw new MayflyError({
      code: "bundle_failed",
      message: `esbuild ended while it read ${escapeLine(shown, 200)}`,
      found: escapeLine(messageOf(thrown), 300),
      needed: "a source that its parser has room for: some hundred thousand levels of nesting end it",
      next: "look for generated, deeply nested code in the job and its packages",
      cause: thrown,
    });
  }
}

/** Stopped by another bundler's `close`, or dead: by a source that it couldn't take, or by somebody's hand. */
function isServiceGone(thrown: unknown): boolean {
  return !isBuildFailure(thrown) && /service (?:was stopped|is no longer running)/.test(messageOf(thrown));
}

function explained(shown: string, thrown: unknown): MayflyError {
  if (isBuildFailure(thrown)) return bundleFailed(shown, thrown.errors);
  return new MayflyError({
    code: "internal",
    message: `esbuild: ${escapeLine(messageOf(thrown), 300)}`,
    cause: thrown,
  });
}

function optionsFor(shown: string, { directory, reads, ...reach }: Readable, needs: NodeNeeds | undefined) {
  const prelude = needs === undefined ? "" : `import ${JSON.stringify(nodePrelude)};\n`;
  const { define, ...node } = nodeOptions(needs);
  return {
    stdin: {
      contents: `${prelude}import job from ${JSON.stringify(`./${shown}`)};\n__mayflyRegister(job);\n`,
      resolveDir: directory,
      sourcefile: wrapperName,
      loader: "js",
    },
    absWorkingDir: directory, // so that no path in the output depends on where it lies
    outfile: "job.js",
    bundle: true,
    write: false,
    metafile: true,
    format: "iife",
    target: "node26", // stands for its V8: nothing is lowered that the isolate understands
    platform: "neutral",
    conditions: ["workerd", "worker"],
    mainFields: ["module", "main"],
    define: { "process.env.NODE_ENV": '"production"', ...define },
    ...node,
    keepNames: true,
    treeShaking: true,
    charset: "utf8",
    legalComments: "none",
    sourcemap: "external",
    sourcesContent: true,
    tsconfigRaw: "{}",
    nodePaths: [],
    logLevel: "silent",
    logOverride: runTimeNames,
    plugins: [makeBundleDoor({ reach: { directory, ...reach }, reads })],
  } as const satisfies esbuild.BuildOptions;
}

// Packages carry such calls in branches that never run; in the author's own files they are mistakes.
function isCareless({ id, location }: esbuild.Message): boolean {
  return Object.hasOwn(runTimeNames, id) && !location?.file.split("/").includes("node_modules");
}

function toBundle(result: Result, shown: string): Bundle {
  const script = result.outputFiles.find(({ path }) => path.endsWith("job.js"));
  const map = result.outputFiles.find(({ path }) => path.endsWith("job.js.map"));
  if (script === undefined || map === undefined) {
    throw new MayflyError({ code: "internal", message: "esbuild gave no script" });
  }
  if (script.contents.length > bundleBytesMax) throw tooLarge(shown, script.contents.length, result.metafile);
  return {
    code: script.contents,
    digest: `sha256:${createHash("sha256").update(script.contents).digest("hex")}`,
    sourceMap: map.text,
    inputs: Object.keys(result.metafile.inputs)
      .filter((input) => !input.startsWith("mayfly:"))
      .sort(),
  };
}

function tooLarge(shown: string, bytes: number, metafile: esbuild.Metafile): MayflyError {
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  const largest = inputs.sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput)[0];
  return new MayflyError({
    code: "bundle_failed",
    message: `the bundle of ${escapeLine(shown, 200)} is too large`,
    found: `${bytes} bytes${largest ? `, most of them from ${escapeLine(largest[0], 200)}` : ""}`,
    needed: `at most ${formatSize(bundleBytesMax)}`,
    next: "import less of it, or mount data under files.mounts",
  });
}

function jobMissing(entry: string, directory: string, cause: unknown): MayflyError {
  return new MayflyError({
    code: "job_missing",
    message: "a job's module isn't there",
    found: `nothing at ${escapeLine(relative(directory, entry), 200)}`,
    needed: "a module whose default export is defineJob(…)",
    next: "correct the job's `entry` in the config, or write the module",
    cause,
  });
}

function isBuildFailure(thrown: unknown): thrown is esbuild.BuildFailure {
  return thrown instanceof Error && "errors" in thrown && Array.isArray(thrown.errors) && thrown.errors.length > 0;
}
