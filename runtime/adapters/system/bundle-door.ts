// All that a bundle may read: the esbuild plugin that resolves what esbuild mustn't, and loads every file itself. What
// a job imports is copied into what the job can see, so an import is a read: it stays below the config's directory
// (hidden names and Mayfly's state apart) and the node_modules that serve it, whatever links, package.json fields or
// import attributes say. Decided on the real path, before a byte is read. Source maps that a file names are not followed.
// Node's modules lead to Mayfly's own (node-modules.ts).
import { readFile, realpath, stat } from "node:fs/promises";
import { dirname, extname, isAbsolute, join, relative, sep } from "node:path";
import type { Loader, PartialMessage, Plugin } from "esbuild";
import { quote } from "../../model/error.ts";
import { formatSize } from "../../model/units.ts";
import { serveNode } from "./node-modules.ts";

/** One source file: what is larger is data, and data comes by a mount. */
export const inputBytesMax = 8_388_608;

/** The whole of "mayfly" inside a bundle: the same function as runtime/job.ts's. */
const virtualMayfly = 'export const defineJob = (run) => Object.freeze({ kind: "mayfly.job", run });\n';

const loaders: Readonly<Record<string, Loader>> = {
  ".js": "js",
  ".mjs": "js",
  ".cjs": "js",
  ".jsx": "jsx",
  ".ts": "ts",
  ".mts": "ts",
  ".cts": "ts",
  ".tsx": "tsx",
  ".json": "json",
  ".txt": "text",
};
const attributeLoaders: Readonly<Record<string, Loader>> = { text: "text", bytes: "binary", json: "json" };

/** Where imports may lead; real paths. */
export interface Reach {
  directory: string;
  stateDirectory: string;
  /** node_modules of the directory and of the directories above it. */
  packages: readonly string[];
}

/** @param stateDirectory need not exist. */
export async function reachOf(directory: string, stateDirectory: string): Promise<Reach> {
  const root = await realpath(directory);
  const packages: string[] = [];
  for (let at = root; ; at = dirname(at)) {
    const found = await realpath(join(at, "node_modules")).catch(() => undefined);
    if (found !== undefined) packages.push(found);
    if (dirname(at) === at) break;
  }
  return { directory: root, stateDirectory: await realpath(stateDirectory).catch(() => stateDirectory), packages };
}

/** What was read, or why it wasn't, by path. */
export type Reads = Map<string, Promise<Uint8Array | { errors: PartialMessage[] }>>;

/** @param parts.reads of one bundle: built twice, it is made of the same bytes. */
export function makeBundleDoor({ reach, reads }: { reach: Reach; reads: Reads }): Plugin {
  return {
    name: "mayfly",
    setup(build) {
      build.onResolve({ filter: /^mayfly(?:\/|$)/ }, ({ path }) =>
        path === "mayfly" ? { path, namespace: "mayfly", sideEffects: false } : refuse(notForJobs(path)),
      );
      build.onLoad({ filter: /^mayfly$/, namespace: "mayfly" }, () => ({ contents: virtualMayfly, loader: "js" }));
      serveNode(build, { isOwn: (importer) => isOwn(importer, reach) });
      // esbuild would leave http: and https: in the bundle as they are, and inline data:.
      build.onResolve({ filter: /^(?:(?:https?|data|file|blob):|\/\/)/i }, ({ path }) => refuse(notAFile(path)));
      build.onLoad({ filter: /.*/, namespace: "file" }, async ({ path, with: attributes }) => {
        const loader = loaderOf(path, attributes);
        if (typeof loader !== "string") return loader;
        const reading = reads.get(path) ?? readWithin(path, reach);
        reads.set(path, reading);
        const read = await reading;
        if (!(read instanceof Uint8Array)) return read;
        const followable = loader !== "text" && loader !== "binary";
        return { contents: followable ? withoutSourceMap(read) : read, loader };
      });
    },
  };
}

function refuse(message: PartialMessage): { errors: PartialMessage[] } {
  return { errors: [message] };
}

function loaderOf(path: string, attributes: Record<string, string>): Loader | { errors: PartialMessage[] } {
  const type = attributes.type;
  const known = type === undefined ? loaders : attributeLoaders;
  const key = type ?? extname(path).toLowerCase();
  const loader = Object.hasOwn(known, key) ? known[key] : undefined;
  if (loader !== undefined) return loader;
  const found = type === undefined ? `a file of type ${quote(key, 20)}` : `import attribute type ${quote(type, 20)}`;
  return refuse({
    text: `${found} can't be part of a job`,
    notes: [{ text: 'import text with { type: "text" } and bytes with { type: "bytes" }, or mount the file' }],
  });
}

async function readWithin(path: string, reach: Reach): Promise<Uint8Array | { errors: PartialMessage[] }> {
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) return refuse({ text: "the file is gone" });
  const beyond = beyondReach(real, reach);
  if (beyond !== undefined) return refuse(beyond);
  const found = await stat(real);
  if (!found.isFile()) return refuse({ text: "an import leads to something that is no regular file" });
  if (found.size > inputBytesMax) {
    const text = `a source file of ${found.size} bytes, at most ${formatSize(inputBytesMax)}`;
    return refuse({ text, notes: [{ text: "mount data under files.mounts and read it with files.read" }] });
  }
  return readFile(real);
}

function beyondReach(real: string, reach: Reach): PartialMessage | undefined {
  if (reach.packages.some((root) => isBelow(real, root))) return undefined;
  const next = "move what the job needs beside it, or install it as a package";
  if (!isBelow(real, reach.directory)) {
    return { text: "an import leads out of the config's directory and its node_modules", notes: [{ text: next }] };
  }
  if (isBelow(real, reach.stateDirectory)) return { text: "an import leads into Mayfly's state directory" };
  const names = relative(reach.directory, real).split(sep);
  const own = names.slice(0, names.includes("node_modules") ? names.indexOf("node_modules") : names.length);
  const hidden = own.find((name) => name.startsWith("."));
  if (hidden === undefined) return undefined;
  return {
    text: `an import leads to the hidden ${quote(hidden, 80)}: such names hold secrets`,
    notes: [{ text: next }],
  };
}

/** The author's, and no package's. */
function isOwn(path: string, { directory }: Reach): boolean {
  return isBelow(path, directory) && !relative(directory, path).split(sep).includes("node_modules");
}

function isBelow(inner: string, outer: string): boolean {
  const way = relative(outer, inner);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

// esbuild follows such a comment to any path of the host. One character makes it plain, and moves no column.
function withoutSourceMap(source: Uint8Array): string {
  const text = new TextDecoder().decode(source);
  return text.includes("sourceMappingURL=") ? text.replace(/(\/[/*][#@]\s*sourceMappingURL)=/g, "$1:") : text;
}

function notForJobs(path: string): PartialMessage {
  return {
    text: `${quote(path)} is not for jobs: it drives the runtime from outside`,
    notes: [{ text: 'a job imports { defineJob } from "mayfly"; tests of it are files of their own' }],
  };
}

function notAFile(path: string): PartialMessage {
  return {
    text: `${quote(path, 80)} is no file that can be bundled`,
    notes: [{ text: "install it as a package, or fetch data with the context's fetch" }],
  };
}
