// The web API that a job finds beside ECMAScript and Intl: the minimum common web API (ECMA-429), each interface one name in
// a group below. What most jobs use is there when the isolate is; a group of the rest is evaluated when a job first names
// one of it, since no job uses all and every executor would pay for all.
import { AbortController, AbortSignal } from "./abort.ts";
import { atob, btoa } from "./base64.ts";
import { installCoarseTemporal } from "./clock.ts";
import { CompressionStream, DecompressionStream } from "./compression.ts";
import { Crypto, CryptoKey, crypto, SubtleCrypto } from "./crypto.ts";
import { DOMException, QuotaExceededError } from "./dom-exception.ts";
import { TextDecoder, TextEncoder } from "./encoding.ts";
import { TextDecoderStream, TextEncoderStream } from "./encoding-streams.ts";
import { EventTarget } from "./event-target.ts";
import { CustomEvent, ErrorEvent, Event, MessageEvent, PromiseRejectionEvent } from "./events.ts";
import { fetch, loadFetch } from "./fetch-later.ts";
import { Navigator, navigator } from "./navigator.ts";
import { Performance, performance } from "./performance.ts";
import { installErrorEvents, reportError, reportThrown } from "./report-error.ts";
import { streamGlobals, streams } from "./streams.ts";
import { structuredClone } from "./structured-clone.ts";
import { clearTimeout, setInterval, setTimeout } from "./timers.ts";
import { URL, URLSearchParams } from "./url.ts";
import { rename } from "./webidl.ts";

declare const require: (file: string) => Record<string, unknown>;

const interfaces = {
  AbortController,
  AbortSignal,
  CompressionStream,
  Crypto,
  CryptoKey,
  CustomEvent,
  DecompressionStream,
  DOMException,
  ErrorEvent,
  Event,
  EventTarget,
  MessageEvent,
  Navigator,
  Performance,
  PromiseRejectionEvent,
  QuotaExceededError,
  SubtleCrypto,
  TextDecoder,
  TextDecoderStream,
  TextEncoder,
  TextEncoderStream,
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
  structuredClone,
};

const resolved = Promise.resolve();

/** Groups that are evaluated together, when one of their names is. */
const lazy = {
  streams: { names: streamGlobals, load: (): object => streams() },
  fetch: { names: ["FormData", "Headers", "Request", "Response"], load: loadFetch },
  files: { names: ["Blob", "File"], load: () => require("./blob.ts") },
  messages: { names: ["MessageChannel", "MessagePort"], load: () => require("./message-channel.ts") },
  pattern: { names: ["URLPattern"], load: () => require("./url-pattern.ts") },
} as const;

export function installGlobals(): void {
  installCoarseTemporal();
  installErrorEvents();
  for (const [name, value] of Object.entries(interfaces)) define(name, value, false);
  for (const [name, value] of Object.entries(members)) define(name, value, true);
  for (const { names, load } of Object.values(lazy)) defineLater(names, load);
  defineAttribute("crypto", crypto);
  defineAttribute("performance", performance, true);
}

function define(name: string, value: unknown, enumerable: boolean): void {
  if (typeof value === "function") rename(value, name);
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable });
}

/** A read-only attribute of the global object's: https://webidl.spec.whatwg.org/#js-attributes. */
function defineAttribute(name: string, value: object, isReplaceable = false): void {
  const requireGlobal = (given: unknown) => {
    if (given !== undefined && given !== null && given !== globalThis) throw new TypeError("Illegal invocation");
  };
  const { get, set } = Object.getOwnPropertyDescriptor(
    {
      get [name]() {
        requireGlobal(this);
        return value;
      },
      set [name](other: unknown) {
        requireGlobal(this);
        define(name, other, true);
      },
    },
    name,
  ) as PropertyDescriptor;
  const described = { get, set: isReplaceable ? set : undefined, configurable: true, enumerable: true };
  Object.defineProperty(globalThis, name, described as PropertyDescriptor);
}

// With the first name of a group that is read the others stand too, where they still wait: a job may have put something
// else there, or nothing.
function defineLater(names: readonly string[], load: () => object): void {
  const getters = names.map((name) => [name, () => stand()[name]] as const);
  const stand = () => {
    const loaded = load() as Record<string, unknown>;
    for (const [name, get] of getters)
      if (Object.getOwnPropertyDescriptor(globalThis, name)?.get === get) define(name, loaded[name], false);
    return loaded;
  };
  for (const [name, get] of getters) {
    const set = (value: unknown) => define(name, value, false);
    Object.defineProperty(globalThis, name, { get, set, configurable: true, enumerable: false });
  }
}
