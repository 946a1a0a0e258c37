// Written by `npm run ambient` from model/absent-names.ts: global names that a job hasn't. tsc's message about what is
// done with one says what to do instead. What the config can turn on is declared by web-assembly.d.ts and shared-memory.d.ts.

interface AbsentFunction<Words extends string> {
  (absent: Words, ...more: any[]): Words;
}

interface AbsentClass<Words extends string> {
  new (absent?: Words, ...more: any[]): Words;
}

/** A symbol, which no text can be made with. */
type AbsentText<Words extends string> = symbol & { readonly absent: Words };

/** What the declarations beside this one add to. */
interface MayflyGrants {}

declare var process: "a job has no process: what it is told comes as its input, a secret as its credential";
declare var global: "a job has no global: write globalThis";
declare var module: "a job has no module: write export default defineJob(…)";
declare var exports: "a job has no exports: write export";
declare var Buffer: "a job has no Buffer: use Uint8Array, TextEncoder and toBase64(), or import it from node:buffer";
declare var Deno: "a job has no Deno: it runs in an isolate of V8";
declare var Bun: "a job has no Bun: it runs in an isolate of V8";
declare var window: "a job has no window: write globalThis";
declare var document: "a job has no document: parse HTML with an npm package";
declare var location: "a job has no location: a URL that it needs comes as its input";
declare var history: "a job has no history: a URL that it needs comes as its input";
declare var localStorage: "a job has no localStorage: nothing of a run stays but what it writes to /output";
declare var sessionStorage: "a job has no sessionStorage: keep it in a variable; a run has no sessions";
declare var indexedDB: "a job has no indexedDB: nothing of a run stays but what it writes to /output";
declare var caches: "a job has no caches: keep it in a variable; nothing of a run stays but what it writes to /output";
declare var scheduler: "a job has no scheduler: use setTimeout";
declare var onmessage: "a job has no onmessage: nobody sends it messages; a MessagePort has its own onmessage";
declare var onabort: "a job has no onabort: the context's signal has one";
declare var require: AbsentFunction<"a job has no require: write import, which is bundled">;
declare var setImmediate: AbsentFunction<"a job has no setImmediate: use setTimeout, or import it from node:timers">;
declare var clearImmediate: AbsentFunction<"a job has no clearImmediate: use clearTimeout, or import it from node:timers">;
declare var gc: AbsentFunction<"a job has no gc: V8 collects by itself">;
declare var alert: AbsentFunction<"a job has no alert: use the context's log">;
declare var confirm: AbsentFunction<"a job has no confirm: what it is told comes as its input">;
declare var prompt: AbsentFunction<"a job has no prompt: what it is told comes as its input">;
declare var importScripts: AbsentFunction<"a job has no importScripts: write import, which is bundled">;
declare var postMessage: AbsentFunction<"a job has no postMessage: its result is what it says; a MessagePort has its own postMessage">;
declare var requestAnimationFrame: AbsentFunction<"a job has no requestAnimationFrame: use setTimeout">;
declare var cancelAnimationFrame: AbsentFunction<"a job has no cancelAnimationFrame: use clearTimeout">;
declare var requestIdleCallback: AbsentFunction<"a job has no requestIdleCallback: use setTimeout">;
declare var cancelIdleCallback: AbsentFunction<"a job has no cancelIdleCallback: use clearTimeout">;
declare var WebSocket: AbsentClass<"a job has no WebSocket: use fetch; it has no sockets">;
declare var WebTransport: AbsentClass<"a job has no WebTransport: use fetch; it has no sockets">;
declare var RTCPeerConnection: AbsentClass<"a job has no RTCPeerConnection: use fetch; it has no sockets">;
declare var EventSource: AbsentClass<"a job has no EventSource: read the body of fetch's response as it comes">;
declare var XMLHttpRequest: AbsentClass<"a job has no XMLHttpRequest: use fetch">;
declare var FileReader: AbsentClass<"a job has no FileReader: use the Blob's own text(), bytes() and stream()">;
declare var Worker: AbsentClass<"a job has no Worker: it is one thread; submit another run">;
declare var SharedWorker: AbsentClass<"a job has no SharedWorker: it is one thread; submit another run">;
declare var BroadcastChannel: AbsentClass<"a job has no BroadcastChannel: it hears of no other run">;
declare var PerformanceObserver: AbsentClass<"a job has no PerformanceObserver: use performance.now()">;
declare var DOMParser: AbsentClass<"a job has no DOMParser: parse HTML and XML with an npm package">;
declare var XMLSerializer: AbsentClass<"a job has no XMLSerializer: write HTML and XML with an npm package">;
declare var MutationObserver: AbsentClass<"a job has no MutationObserver: parse HTML with an npm package">;
declare var HTMLElement: AbsentClass<"a job has no HTMLElement: parse HTML with an npm package">;
declare var Element: AbsentClass<"a job has no Element: parse HTML with an npm package">;
declare var Image: AbsentClass<"a job has no Image: decode images with an npm package">;
declare var OffscreenCanvas: AbsentClass<"a job has no OffscreenCanvas: draw with an npm package">;
declare var __dirname: AbsentText<"a job has no __dirname: it sees what its config mounts, at absolute paths; import text with { type: 'text' }">;
declare var __filename: AbsentText<"a job has no __filename: it sees what its config mounts, at absolute paths">;
declare var WebAssembly: MayflyGrants extends { webAssembly: infer Granted } ? Granted : "WebAssembly is off: isolate: { webAssembly: true } in jobs.<name> turns it on";
declare var SharedArrayBuffer: "SharedArrayBuffer is off: isolate: { sharedMemory: true } in jobs.<name> turns it on";
declare var Atomics: "Atomics is off: isolate: { sharedMemory: true } in jobs.<name> turns it on";
