// Node's modules in a job's bundle. An import of one leads to the layer (node-layer.ts), which is part of the bundle then and
// of no other. A module that jobs can't have is refused where the job's own files import it; in a package, which may never
// use it, its use refuses. A package of such a name, where one is installed, is passed over, as Node itself does: two Buffers in
// one bundle don't know each other.
import type { Metafile, PartialMessage, PluginBuild } from "esbuild";
import { quote } from "../../model/error.ts";
import { constantsModule, nodeLayer } from "./node-layer.ts";
import {
  addonLoaders,
  insteadOf,
  insteadOfAddon,
  nodeNames,
  offeredParts,
  readNodeName,
  servedModules,
} from "./node-names.ts";

const namespace = "mayfly";
const prefix = "node/";

/** Free identifiers that packages for Node take for granted, and what of the layer each is. */
const globals: Readonly<Record<string, string>> = {
  Buffer: 'export { Buffer } from "./buffer.js";',
  process: 'export { process } from "./process.js";',
  setImmediate: 'export { setImmediate } from "./timer-handles.js";',
  clearImmediate: 'export { clearImmediate } from "./timer-handles.js";',
};

const markOf = (name: string) => `__mayflyFree_${name}`;

/** The handover, taken before anything else is evaluated. */
export const nodePrelude = "mayfly:prelude";

/** For a bundle that imports async_hooks: see guest/node/async_hooks.ts. */
const loweredAsync = { "async-await": false, "async-generator": false, "for-await": false };

/** What a bundle needs of Node, as its first build tells. */
export interface NodeNeeds {
  /** A module of the layer. */
  modules: boolean;
  /** Contexts that follow a promise. */
  contexts: boolean;
  /** Free identifiers. */
  globals: readonly string[];
}

/** undefined: nothing, and its first build is the bundle. */
export function nodeNeedsOf(metafile: Metafile, script: string): NodeNeeds | undefined {
  const parts = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs));
  const own = `${namespace}:${prefix}`;
  const needs = {
    modules: parts.some((path) => path.startsWith(own)),
    contexts: parts.includes(`${own}async_hooks`),
    globals: Object.keys(globals).filter((name) => script.includes(markOf(name))),
  };
  return needs.modules || needs.globals.length > 0 ? needs : undefined;
}

/** The first build has a mark in the place of each free identifier; the second an import, which would be in every bundle. */
export function nodeOptions(needs: NodeNeeds | undefined) {
  const always = { global: "globalThis", __dirname: '"/"', __filename: '"/job.js"' };
  if (needs === undefined) {
    const marks = Object.keys(globals).map((name) => [name, markOf(name)]);
    return { define: { ...always, ...Object.fromEntries(marks) }, inject: [], supported: {} };
  }
  return {
    define: always,
    inject: needs.globals.map((name) => `mayfly:global-${name}`),
    supported: needs.contexts ? loweredAsync : {},
  };
}

/** @param parts.isOwn whether a file is the job's, and not a package's. */
export function serveNode(build: PluginBuild, { isOwn }: { isOwn(importer: string): boolean }): void {
  build.onResolve({ filter: nodeNames }, ({ path, importer }) => {
    const name = readNodeName(path);
    if (name === undefined) return undefined;
    if (!isServed(name) && isOwn(importer)) return { errors: [refusal(path, name)] };
    return { path: `${prefix}${name}`, namespace, sideEffects: false };
  });
  build.onResolve({ filter: addonLoaders }, ({ importer }) => ({
    path: `${prefix}addon/${packageOf(importer)}`,
    namespace,
    sideEffects: false,
  }));
  build.onResolve({ filter: /^mayfly:(?:prelude|global-\w+)$/ }, ({ path }) => ({
    path: `${prefix}${path.slice("mayfly:".length)}`,
    namespace,
    sideEffects: path === nodePrelude,
  }));
  build.onResolve({ filter: /^mayfly:constants\//, namespace }, ({ path }) => ({
    path: `${prefix}${path.slice("mayfly:".length)}`,
    namespace,
    sideEffects: false,
  }));
  build.onResolve({ filter: /^\.\//, namespace }, ({ path }) => ({ path: `${prefix}${path.slice(2)}`, namespace }));
  build.onLoad({ filter: /^node\//, namespace }, async ({ path }) => ({
    contents: await contentsOf(path.slice(prefix.length)),
    loader: "js",
  }));
}

function isServed(name: string): boolean {
  return Object.hasOwn(servedModules, name);
}

async function contentsOf(name: string): Promise<string> {
  if (name.startsWith("constants/")) return constantsModule(name.slice("constants/".length));
  if (name.startsWith("addon/")) return refusedAddon(name.slice("addon/".length));
  if (name === "prelude") return 'import "./host.js";';
  const [, global = ""] = /^global-(\w+)$/.exec(name) ?? [];
  if (Object.hasOwn(globals, global)) return globals[global] ?? "";
  const layer = await nodeLayer();
  return layer.get(name) ?? wrapperOf(name);
}

// What `require` gives is one object or function, as in Node: a module of CommonJS around the layer's default export.
function wrapperOf(name: string): string {
  if (isServed(name)) return `module.exports = require("./${servedModules[name]}.js").default;`;
  const part = Object.hasOwn(offeredParts, name) ? `require("./${offeredParts[name]}.js").default` : "undefined";
  const words = `${JSON.stringify(`node:${name}`)}, ${JSON.stringify(insteadOf(name))}`;
  return `module.exports = require("./refuse.js").refusedModule(${words}, ${part});`;
}

/** Its loader is called with a name or a place, or asked where the addon lies. */
function refusedAddon(name: string): string {
  const words = `${JSON.stringify(`the addon of ${name}`)}, ${JSON.stringify(insteadOfAddon)}`;
  return `const refuse = require("./refuse.js").refusing(${words});
    module.exports = Object.assign(refuse, { find: refuse, path: refuse, resolve: refuse });`;
}

/** The package that a file is of; "the job" where it is of none. */
function packageOf(file: string): string {
  return /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? "the job";
}

function refusal(specifier: string, name: string): PartialMessage {
  const text = `${quote(specifier, 80)} is a module of Node that no job can have`;
  return { text, notes: [{ text: insteadOf(name) }] };
}
