// The web API that a job finds beside ECMAScript and Intl: the minimum common web API (ECMA-429), each interface one name in
// a group below. What most jobs use is there when the isolate is; a group of the rest is evaluated when a job first names
// one of it, since no job uses all and every executor would pay for all.
import { AbortController, AbortSignal } from "./abort.ts";
import { atob, btoa } from "./base64.ts";
import { installCoarseTemporal } from "./clock.ts";
import { DOMException, QuotaExceededError } from "./dom-exception.ts";
import { TextDecoder, TextEncoder } from "./encoding.ts";
import { EventTarget } from "./event-target.ts";
import { CustomEvent, ErrorEvent, Event, MessageEvent, PromiseRejectionEvent } from "./events.ts";
import { fetch, loadFetch } from "./fetch-later.ts";
import { Navigator, navigator } from "./navigator.ts";
import { Performance, performance } from "./performance.ts";
import { installErrorEvents, reportError, reportThrown } from "./report-error.ts";
import { streamGlobals, streams } from "./streams.ts";
import { clearTimeout, setInterval, setTimeout } from "./timers.ts";
import { URL, URLSearchParams } from "./url.ts";
import { rename } from "./webidl.ts";

declare const require: (file: string) => Record<string, unknown>;

const interfaces = {
  AbortController,
  AbortSignal,
  CustomEvent,
  DOMException,
  ErrorEvent,
  Event,
  EventTarget,
  MessageEvent,
  Navigator,
  Performance,
  PromiseRejectionEvent,
  QuotaExceededError,
  TextDecoder,
  TextEncoder,
  URL,
  URLSearchParams,
};

/** Operations of the global object, which Web IDL makes enumerable, as it does attributes. */
const members = {
  atob,
  btoa,
  clearInterval: function clearInterval(id: unknown = 0) {
    clearTimeout(id);
  },
  clearTimeout,
  fetch,
  navigator,
  performance,
  queueMicrotask: function queueMicrotask(callback: () => void) {
    if (typeof callback !== "function") throw new TypeError("queueMicrotask takes a function");
    void resolved.then(() => {
      try {
        callback();
      } catch (thrown) {
        reportThrown(thrown);
      }
    });
  },
  reportError,
  self: globalThis,
  setInterval,
  setTimeout,
  structuredClone: function structuredClone(value: unknown, options?: object): unknown {
    const { structuredClone: clone } = require("./structured-clone.ts") as { structuredClone: typeof structuredClone };
    return arguments.length === 0 ? (clone as () => unknown)() : clone(value, options);
  },
};

const resolved = Promise.resolve();

/** Groups that are evaluated together, when one of their names is. */
const lazy = {
  streams: { names: streamGlobals, load: (): object => streams() },
  fetch: { names: ["FormData", "Headers", "Request", "Response"], load: loadFetch },
  files: { names: ["Blob", "File"], load: () => require("./blob.ts") },
  messages: { names: ["MessageChannel", "MessagePort"], load: () => require("./message-channel.ts") },
  encoding: { names: ["TextDecoderStream", "TextEncoderStream"], load: () => require("./encoding-streams.ts") },
  compression: { names: ["CompressionStream", "DecompressionStream"], load: () => require("./compression.ts") },
  pattern: { names: ["URLPattern"], load: () => require("./url-pattern.ts") },
  crypto: { names: ["Crypto", "CryptoKey", "SubtleCrypto"], load: () => require("./crypto.ts") },
} as const;

export function installGlobals(): void {
  installCoarseTemporal();
  installErrorEvents();
  for (const [name, value] of Object.entries(interfaces)) define(name, value, false);
  for (const [name, value] of Object.entries(members)) define(name, value, true);
  for (const { names, load } of Object.values(lazy)) for (const name of names) defineLater(name, load, false);
  defineLater("crypto", lazy.crypto.load, true);
}

function define(name: string, value: unknown, enumerable: boolean): unknown {
  if (typeof value === "function") rename(value, name);
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable });
  return value;
}

function defineLater(name: string, load: () => object, enumerable: boolean): void {
  Object.defineProperty(globalThis, name, {
    get: () => define(name, (load() as Record<string, unknown>)[name], enumerable),
    set: (value: unknown) => void define(name, value, enumerable),
    configurable: true,
    enumerable,
  });
}
