// A walk over everything that can be reached from some roots by properties, accessors and prototypes. It is given as
// text, since it runs in the guest, and in a context of V8 that nothing was added to, for comparison.

export interface Reached {
  /** One path to each function, the native ones apart: engine built-ins, and what a host would have put there. */
  native: string[];
  scripted: string[];
  /** Paths to objects whose tag or constructor's name is one of isolated-vm's classes, or of Node's. */
  foreign: string[];
}

/**
 * An expression: a function of `[name, root]` pairs that returns Reached. Roots that come first give the paths. The second
 * argument is told of each function that is not native, so that it can be called and its results be walked too.
 */
export const walk = `((roots, onScripted = () => {}) => {
  const { getPrototypeOf, getOwnPropertyDescriptor } = Object;
  const { ownKeys } = Reflect;
  const text = Function.prototype.toString;
  const seen = new Set();
  const queue = [];
  const found = { native: [], scripted: [], foreign: [] };
  const visit = (path, value) => {
    if (value === null || (typeof value !== "object" && typeof value !== "function") || seen.has(value)) return;
    seen.add(value);
    queue.push([path, value]);
  };
  const drain = () => {
    while (queue.length > 0) {
      const [path, value] = queue.shift();
      if (typeof value === "function") {
        const isNative = text.call(value).endsWith("{ [native code] }");
        (isNative ? found.native : found.scripted).push(path);
        if (!isNative) onScripted(path, value);
      }
      try {
        const tags = [value[Symbol.toStringTag], value.constructor?.name].map(String);
        if (tags.some((tag) => /^(Isolate|Context|Reference|ExternalCopy|Callback|NativeModule|InspectorSession|process|Socket|Buffer)$/.test(tag))) found.foreign.push(path);
      } catch {}
      visit(path + ".__proto__", getPrototypeOf(value));
      for (const key of ownKeys(value)) {
        const name = path + (typeof key === "symbol" ? "[" + String(key) + "]" : "." + key);
        const property = getOwnPropertyDescriptor(value, key);
        if (property.get) visit(name + "(get)", property.get);
        if (property.set) visit(name + "(set)", property.set);
        visit(name, property.value);
      }
    }
  };
  for (const [name, root] of roots) { visit(name, root); drain(); }
  return found;
})`;

/** An expression: pairs of all that the language itself has, by syntax or by global name. */
export const intrinsics = `[
  ...["Object", "Function", "Error", "Array", "Promise", "Map", "Set", "WeakMap", "WeakSet", "Symbol", "Reflect", "Proxy", "JSON", "Math", "String", "Number",
    "BigInt", "Boolean", "Date", "RegExp", "ArrayBuffer", "DataView", "Intl", "Iterator", "parseInt", "parseFloat", "isNaN", "isFinite", "eval",
    "decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent", "escape", "unescape", "AggregateError", "SuppressedError",
    "DisposableStack", "AsyncDisposableStack", "FinalizationRegistry", "WeakRef", "Temporal", "Uint8Array", "Float16Array",
    ...Object.getOwnPropertyNames(globalThis).filter((name) => /(Array|Error)$/.test(name)),
  ].filter((name) => name in globalThis).map((name) => [name, globalThis[name]]),
  ["function*", function* () {}], ["async function", async () => {}], ["async function*", async function* () {}],
  ["array iterator", [].values()], ["map iterator", new Map().entries()], ["set iterator", new Set().values()],
  ["string iterator", ""[Symbol.iterator]()], ["regexp iterator", "".matchAll(/x/g)], ["iterator helper", [].values().map((x) => x)],
  ["wrapped iterator", Iterator.from({ next() {} })], ["generator", (function* () {})()], ["async generator", (async function* () {})()],
  ["arguments", (function () { "use strict"; return arguments; })()],
  ["thrown", (() => { try { null.x; } catch (e) { return e; } })()],
]`;

/** Of `globalThis`, beside what the language has: what the guest is given. Growth needs review. */
export const guestGlobals = [
  "AbortController",
  "AbortSignal",
  "Blob",
  "ByteLengthQueuingStrategy",
  "CompressionStream",
  "CountQueuingStrategy",
  "Crypto",
  "CryptoKey",
  "CustomEvent",
  "DOMException",
  "DecompressionStream",
  "ErrorEvent",
  "Event",
  "EventTarget",
  "File",
  "FormData",
  "Headers",
  "MessageChannel",
  "MessageEvent",
  "MessagePort",
  "Navigator",
  "Performance",
  "PromiseRejectionEvent",
  "QuotaExceededError",
  "ReadableByteStreamController",
  "ReadableStream",
  "ReadableStreamBYOBReader",
  "ReadableStreamBYOBRequest",
  "ReadableStreamDefaultController",
  "ReadableStreamDefaultReader",
  "Request",
  "Response",
  "SubtleCrypto",
  "TextDecoder",
  "TextDecoderStream",
  "TextEncoder",
  "TextEncoderStream",
  "TransformStream",
  "TransformStreamDefaultController",
  "URL",
  "URLPattern",
  "URLSearchParams",
  "WritableStream",
  "WritableStreamDefaultController",
  "WritableStreamDefaultWriter",
  "addEventListener",
  "atob",
  "btoa",
  "clearInterval",
  "clearTimeout",
  "console",
  "crypto",
  "dispatchEvent",
  "fetch",
  "navigator",
  "onerror",
  "onrejectionhandled",
  "onunhandledrejection",
  "performance",
  "queueMicrotask",
  "removeEventListener",
  "reportError",
  "self",
  "setInterval",
  "setTimeout",
  "structuredClone",
];

/** All of the job's argument. Growth needs review. */
export const contextShape = [
  "credential.command",
  "credential.exec",
  "credential.fetch",
  "credential.query",
  "fetch",
  "files.append",
  "files.list",
  "files.mkdir",
  "files.read",
  "files.readText",
  "files.remove",
  "files.stat",
  "files.write",
  "identity.spiffeId",
  "identity.token",
  "input",
  "log.debug",
  "log.error",
  "log.info",
  "log.warn",
  "run.id",
  "run.job",
  "signal",
];
