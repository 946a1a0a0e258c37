// The names of Node's modules, and what a job has of each: all that one promises, a part, or a refusal that says what to do
// instead. docs/node.md is the table for people.
import { builtinModules } from "node:module";

/** By name, without the scheme: the file of the layer (guest/node/) that stands for it. */
export const servedModules: Readonly<Record<string, string>> = {
  assert: "assert",
  "assert/strict": "assert-strict",
  async_hooks: "async_hooks",
  buffer: "buffer",
  constants: "constants",
  crypto: "crypto",
  diagnostics_channel: "diagnostics_channel",
  events: "events",
  fs: "fs",
  "fs/promises": "fs-promises",
  http: "http",
  https: "https",
  os: "os",
  path: "path",
  "path/posix": "path",
  "path/win32": "path-win32",
  perf_hooks: "perf_hooks",
  process: "process",
  punycode: "punycode",
  querystring: "querystring",
  stream: "stream",
  "stream/consumers": "stream-consumers",
  "stream/promises": "stream-promises",
  "stream/web": "stream-web",
  string_decoder: "string_decoder",
  sys: "util",
  timers: "timers",
  "timers/promises": "timers-promises",
  url: "url",
  util: "util",
  "util/types": "util-types",
  zlib: "zlib",
};

/** Of a module that is refused, what needs no power: a file of the layer. */
export const offeredParts: Readonly<Record<string, string>> = {
  cluster: "cluster",
  dns: "dns",
  "dns/promises": "dns-promises",
  inspector: "inspector",
  module: "module",
  net: "net",
  tty: "tty",
  worker_threads: "worker_threads",
};

const noSockets = "a job has no sockets: use the context's fetch";
const noPrograms = "a job starts no programs, processes or threads";
const noTerminal = "a job has no terminal: what it is told comes as its input";
const noEngine = "a job has no way to V8, and evaluates what its bundle has";

const instead: Readonly<Record<string, string>> = {
  child_process: noPrograms,
  cluster: noPrograms,
  dgram: noSockets,
  dns: "names are resolved by the runtime, for the hosts that are granted: use the context's fetch",
  domain: "use async_hooks.AsyncLocalStorage, and try and catch",
  http2: "use the context's fetch, or node:https",
  inspector: noEngine,
  module: "a bundle has all its modules in it: import each by its own name",
  net: noSockets,
  quic: noSockets,
  readline: noTerminal,
  repl: noTerminal,
  sea: noPrograms,
  sqlite: "a job has files, and no database in them: use an npm package that is WebAssembly or JavaScript",
  test: "tests of a job are files of their own, beside it",
  tls: noSockets,
  trace_events: noEngine,
  tty: noTerminal,
  v8: noEngine,
  vm: noEngine,
  wasi: noPrograms,
  worker_threads: noPrograms,
};

/** What a job does where a program on Node would use this module. */
export function insteadOf(name: string): string {
  const module = name.split("/")[0] ?? "";
  return Object.hasOwn(instead, module)
    ? (instead[module] as string)
    : "use what the web has, or an npm package without Node's modules";
}

/** Packages that find and load an addon, by whatever name its own package keeps it under. */
export const addonLoaders = /^(?:bindings|node-gyp-build|(?:@mapbox\/)?node-pre-gyp|node-gyp-build-optional-packages)$/;
export const insteadOfAddon = "it is compiled for a machine: use a package in JavaScript or WebAssembly";

const scheme = "node:";
/** Newer modules have no name without the scheme. */
const bareNames = new Set([...builtinModules.filter((name) => !name.startsWith(scheme)), "punycode", "sys"]);
const namesWithScheme = builtinModules
  .filter((name) => name.startsWith(scheme))
  .map((name) => name.slice(scheme.length));
const allNames = new Set([...bareNames, ...namesWithScheme, ...Object.keys(servedModules), ...Object.keys(instead)]);

/** Those that a job's own file can't import, without the scheme; of Node's internals none. */
export const refusedModules: readonly string[] = [...allNames]
  .filter((name) => !Object.hasOwn(servedModules, name) && !name.startsWith("_"))
  .sort();

const escaped = [...allNames].map((name) => name.replace(/[/.]/g, "\\$&"));

/** Whatever `readNodeName` may know, in the form that esbuild takes. */
export const nodeNames = new RegExp(`^(?:node:)?(?:${escaped.join("|")})/?$`);

/**
 * The name of a module of Node, without the scheme; undefined where Node has none of it. A slash at the end asks for a package
 * that stands in for the module elsewhere (`buffer/`): here that is the module itself, or there would be two of it.
 */
export function readNodeName(specifier: string): string | undefined {
  if (specifier.startsWith(scheme)) {
    const name = specifier.slice(scheme.length);
    return allNames.has(name) ? name : undefined;
  }
  const name = specifier.replace(/\/$/, "");
  if (!bareNames.has(name)) return undefined;
  return name === specifier || Object.hasOwn(servedModules, name) ? name : undefined;
}
