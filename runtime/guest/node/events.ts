// node:events over npm's events, with what Node has added since: errorMonitor, once and on for emitters and event targets
// with a signal, and the module's later functions.
import NpmEventEmitter from "events/events.js";
import { carrier } from "./carrier.ts";
import { nodeError, wrongType } from "./errors.ts";
import { type SignalLike, web } from "./web.ts";

type Listener = (...args: never[]) => unknown;
type Name = string | symbol;

interface EventTargetLike {
  addEventListener(name: string, listener: (event: unknown) => void, options?: { once?: boolean }): void;
  removeEventListener(name: string, listener: (event: unknown) => void): void;
}

export const errorMonitor = Symbol("events.errorMonitor");
const captureRejectionSymbol = Symbol.for("nodejs.rejection");

export const EventEmitter = NpmEventEmitter;
export type EventEmitter = NpmEventEmitter;

const { emit } = EventEmitter.prototype;
Object.defineProperty(EventEmitter.prototype, "emit", {
  value: function (this: EventEmitter, name: Name, ...args: unknown[]): boolean {
    if (name === "error" && this.listenerCount(errorMonitor) > 0) emit.call(this, errorMonitor, ...args);
    return emit.call(this, name, ...args);
  },
  writable: true,
  configurable: true,
});

function isEmitter(value: unknown): value is EventEmitter {
  return typeof (value as EventEmitter | null)?.on === "function";
}

function isTarget(value: unknown): value is EventTargetLike {
  return typeof (value as EventTargetLike | null)?.addEventListener === "function";
}

function abortErrorOf(signal: SignalLike): Error {
  const error = nodeError(Error, "ABORT_ERR", "The operation was aborted");
  Object.defineProperty(error, "name", { value: "AbortError", configurable: true, writable: true });
  if (signal.reason !== undefined)
    Object.defineProperty(error, "cause", { value: signal.reason, configurable: true, writable: true });
  return error;
}

/** @returns what takes the listener away again. */
function listenTo(source: unknown, name: Name, listener: Listener, once = false): () => void {
  if (isEmitter(source)) {
    source.on(name, listener);
    return () => void source.off(name, listener);
  }
  if (isTarget(source)) {
    const handle = listener as (event: unknown) => void;
    source.addEventListener(name as string, handle, { once });
    return () => source.removeEventListener(name as string, handle);
  }
  throw wrongType("emitter", "an instance of EventEmitter or EventTarget", source);
}

export function once(source: unknown, name: Name, options: { signal?: SignalLike } = {}): Promise<unknown[]> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortErrorOf(signal));
    const stops: (() => void)[] = [];
    const settle = (act: () => void) => {
      for (const stop of stops) stop();
      act();
    };
    stops.push(listenTo(source, name, (...args: unknown[]) => settle(() => resolve(args)), true));
    if (name !== "error" && isEmitter(source))
      stops.push(listenTo(source, "error", (error: unknown) => settle(() => reject(error))));
    if (signal !== undefined) {
      const onAbort = () => settle(() => reject(abortErrorOf(signal)));
      signal.addEventListener("abort", onAbort, { once: true });
      stops.push(() => signal.removeEventListener("abort", onAbort));
    }
  });
}

interface OnOptions {
  signal?: SignalLike;
  close?: readonly string[];
}

/** Events as they come; those that come between two reads wait. */
function on(source: unknown, name: Name, { signal, close = [] }: OnOptions = {}): AsyncIterableIterator<unknown[]> {
  if (signal?.aborted) throw abortErrorOf(signal);
  const arrived: unknown[][] = [];
  const waiting: { resolve(result: IteratorResult<unknown[]>): void; reject(error: unknown): void }[] = [];
  const stops: (() => void)[] = [];
  let failure: { error: unknown } | undefined;
  let isDone = false;

  function finish(): void {
    for (const stop of stops.splice(0)) stop();
    isDone = true;
    for (const each of waiting.splice(0)) each.resolve({ value: undefined, done: true });
  }
  function fail(error: unknown): void {
    for (const stop of stops.splice(0)) stop();
    const next = waiting.shift();
    if (next === undefined) failure = { error };
    else next.reject(error);
    isDone = true;
  }
  stops.push(
    listenTo(source, name, (...args: unknown[]) => {
      const next = waiting.shift();
      if (next === undefined) arrived.push(args);
      else next.resolve({ value: args, done: false });
    }),
  );
  if (name !== "error" && isEmitter(source)) stops.push(listenTo(source, "error", fail));
  for (const each of close) stops.push(listenTo(source, each, finish));
  if (signal !== undefined) {
    const onAbort = () => fail(abortErrorOf(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    stops.push(() => signal.removeEventListener("abort", onAbort));
  }
  return {
    next() {
      const value = arrived.shift();
      if (value !== undefined) return Promise.resolve({ value, done: false });
      if (failure !== undefined) {
        const { error } = failure;
        failure = undefined;
        return Promise.reject(error);
      }
      if (isDone) return Promise.resolve({ value: undefined, done: true });
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    return() {
      finish();
      return Promise.resolve({ value: undefined, done: true });
    },
    throw(error: unknown) {
      fail(error);
      return Promise.resolve({ value: undefined, done: true });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Emits in the context in which it was made. */
class EventEmitterAsyncResource extends EventEmitter {
  readonly #run = carrier.bind((act: () => boolean) => act());
  override emit(name: Name, ...args: unknown[]): boolean {
    return this.#run(() => super.emit(name, ...args));
  }
  emitDestroy(): void {}
}

const limits = new WeakMap<object, number>();

function setMaxListeners(count = EventEmitter.defaultMaxListeners, ...sources: unknown[]): void {
  if (sources.length === 0) EventEmitter.defaultMaxListeners = count;
  for (const source of sources) {
    if (isEmitter(source)) source.setMaxListeners(count);
    else if (isTarget(source)) limits.set(source, count);
    else throw wrongType("eventTargets", "an instance of EventEmitter or EventTarget", source);
  }
}

function getMaxListeners(source: unknown): number {
  if (isEmitter(source)) return source.getMaxListeners();
  if (isTarget(source)) return limits.get(source) ?? EventEmitter.defaultMaxListeners;
  throw wrongType("emitter", "an instance of EventEmitter or EventTarget", source);
}

function addAbortListener(signal: SignalLike, listener: () => void): Disposable {
  if (signal.aborted) web.queueMicrotask(listener);
  else signal.addEventListener("abort", listener, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", listener) };
}

export default Object.assign(EventEmitter, {
  EventEmitter,
  EventEmitterAsyncResource,
  once,
  on,
  errorMonitor,
  captureRejectionSymbol,
  captureRejections: false,
  usingDomains: false,
  setMaxListeners,
  getMaxListeners,
  addAbortListener,
  getEventListeners: (source: unknown, name: Name) => (isEmitter(source) ? source.listeners(name) : []),
  listenerCount: (source: EventEmitter, name: Name) => source.listenerCount(name),
});
