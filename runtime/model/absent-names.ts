// Global names that programs elsewhere have and a job hasn't, each with what to do instead: one table, so that tsc, which
// reads it as the types of ambient/absent.d.ts, and a run that fails say the same. `npm run ambient` writes that file anew.

/** How such a name is used, which decides by what type tsc comes to say the words. */
export type AbsentKind =
  /** Its members are: `window.x`. */
  | "object"
  | "function"
  | "class"
  /** As a string. */
  | "text";

export interface AbsentName {
  kind: AbsentKind;
  /** Without the name, which comes first: a job has no … */
  instead: string;
}

const kinds = {
  object: {
    process: "what it is told comes as its input, a secret as its credential",
    global: "write globalThis",
    module: "write export default defineJob(…)",
    exports: "write export",
    Buffer: "use Uint8Array, TextEncoder and toBase64(), or import it from node:buffer",
    Deno: "it runs in an isolate of V8",
    Bun: "it runs in an isolate of V8",
    window: "write globalThis",
    document: "parse HTML with an npm package",
    location: "a URL that it needs comes as its input",
    history: "a URL that it needs comes as its input",
    localStorage: "nothing of a run stays but what it writes to /output",
    sessionStorage: "keep it in a variable; a run has no sessions",
    indexedDB: "nothing of a run stays but what it writes to /output",
    caches: "keep it in a variable; nothing of a run stays but what it writes to /output",
    scheduler: "use setTimeout",
    onmessage: "nobody sends it messages; a MessagePort has its own onmessage",
    onabort: "the context's signal has one",
  },
  function: {
    require: "write import, which is bundled",
    setImmediate: "use setTimeout, or import it from node:timers",
    clearImmediate: "use clearTimeout, or import it from node:timers",
    gc: "V8 collects by itself",
    alert: "use the context's log",
    confirm: "what it is told comes as its input",
    prompt: "what it is told comes as its input",
    importScripts: "write import, which is bundled",
    postMessage: "its result is what it says; a MessagePort has its own postMessage",
    requestAnimationFrame: "use setTimeout",
    cancelAnimationFrame: "use clearTimeout",
    requestIdleCallback: "use setTimeout",
    cancelIdleCallback: "use clearTimeout",
  },
  class: {
    WebSocket: "use fetch; it has no sockets",
    WebTransport: "use fetch; it has no sockets",
    RTCPeerConnection: "use fetch; it has no sockets",
    EventSource: "read the body of fetch's response as it comes",
    XMLHttpRequest: "use fetch",
    FileReader: "use the Blob's own text(), bytes() and stream()",
    Worker: "it is one thread; submit another run",
    SharedWorker: "it is one thread; submit another run",
    BroadcastChannel: "it hears of no other run",
    PerformanceObserver: "use performance.now()",
    DOMParser: "parse HTML and XML with an npm package",
    XMLSerializer: "write HTML and XML with an npm package",
    MutationObserver: "parse HTML with an npm package",
    HTMLElement: "parse HTML with an npm package",
    Element: "parse HTML with an npm package",
    Image: "decode images with an npm package",
    OffscreenCanvas: "draw with an npm package",
  },
  text: {
    __dirname: "it sees what its config mounts, at absolute paths; import text with { type: 'text' }",
    __filename: "it sees what its config mounts, at absolute paths",
  },
} as const satisfies Record<AbsentKind, Record<string, string>>;

export const absentNames: ReadonlyMap<string, AbsentName> = new Map(
  (Object.keys(kinds) as AbsentKind[]).flatMap((kind) =>
    Object.entries(kinds[kind]).map(([name, instead]) => [name, { kind, instead }] as const),
  ),
);

/** Names that the config turns on, and the key of `isolate` that does. */
export const grantedNames: ReadonlyMap<string, "webAssembly" | "sharedMemory"> = new Map([
  ["WebAssembly", "webAssembly"],
  ["SharedArrayBuffer", "sharedMemory"],
  ["Atomics", "sharedMemory"],
]);

/**
 * What is said of a name that isn't there; undefined of one that nobody would expect.
 * @param job whose config it is.
 */
export function absenceOf(name: string, job = "<name>"): string | undefined {
  const key = grantedNames.get(name);
  if (key !== undefined) return `${name} is off: isolate: { ${key}: true } in jobs.${job} turns it on`;
  const absent = absentNames.get(name);
  return absent === undefined ? undefined : `a job has no ${name}: ${absent.instead}`;
}
