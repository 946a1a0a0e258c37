// Modules of this program that are loaded by where they lie rather than by an import: TypeScript in a checkout, JavaScript in
// the package, whose dist/ is laid out as runtime/ is (scripts/build.ts, which has to be told of each).

/** Node strips no types below node_modules, so the package is built: then this file is JavaScript. */
export const isBuilt = import.meta.url.endsWith(".js");

/** @param path from runtime/, without its ending: `adapters/stores/sqlite-checkpoint`. */
export function ownModule(path: string): URL {
  return new URL(`../../${path}${isBuilt ? ".js" : ".ts"}`, import.meta.url);
}

/** What scripts/build.ts has made of sources of rings 1 and 2: files of the package, and nothing in a checkout. */
export function builtScript(name: string): URL {
  return new URL(`../../built/${name}`, import.meta.url);
}
