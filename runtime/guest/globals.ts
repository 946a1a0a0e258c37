// The web API that a job finds beside ECMAScript and Intl. The full minimum common web API has its room here: each
// interface is one import and one line in the table below.
import { AbortController, AbortSignal } from "./abort.ts";
import { atob, btoa } from "./base64.ts";
import { installCoarseTemporal } from "./clock.ts";
import { crypto } from "./crypto.ts";
import { TextDecoder, TextEncoder } from "./encoding.ts";
import { DOMException, Event, EventTarget } from "./events.ts";
import { fetch, Request, Response } from "./fetch.ts";
import { Headers } from "./headers.ts";
import { streamGlobals, streams } from "./streams.ts";
import { structuredClone } from "./structured-clone.ts";
import { clearTimeout, setInterval, setTimeout } from "./timers.ts";
import { URL, URLSearchParams } from "./url.ts";

const globals = {
  AbortController,
  AbortSignal,
  DOMException,
  Event,
  EventTarget,
  Headers,
  Request,
  Response,
  TextDecoder,
  TextEncoder,
  URL,
  URLSearchParams,
  atob,
  btoa,
  clearInterval: clearTimeout,
  clearTimeout,
  crypto,
  fetch,
  queueMicrotask: (callback: () => void) => void Promise.resolve().then(callback),
  setInterval,
  setTimeout,
  structuredClone,
  self: globalThis,
};

/**
 * Off unless granted: memory and code that the heap's limit doesn't count, and the finest timer there is. Removing the
 * global is not the wall (the process's limits are); it keeps honest packages from choosing them.
 */
const removed = ["WebAssembly", "SharedArrayBuffer", "Atomics"];

export function installGlobals(): void {
  for (const name of removed) Reflect.deleteProperty(globalThis, name);
  installCoarseTemporal();
  for (const [name, value] of Object.entries(globals)) {
    define(name, value);
  }
  for (const name of streamGlobals) {
    Object.defineProperty(globalThis, name, {
      get: () => define(name, streams()[name]),
      set: (value: unknown) => void define(name, value),
      configurable: true,
      enumerable: false,
    });
  }
}

function define(name: string, value: unknown): unknown {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  return value;
}
