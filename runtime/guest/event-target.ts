// EventTarget (https://dom.spec.whatwg.org/#interface-eventtarget): listeners, and the dispatch of an event. There is no
// tree in here, so an event has one target and two rounds: listeners that capture, and the others.
//
// What a listener throws is reported (report-error.ts) and stops nothing, as the standard has it.

import { DOMException } from "./dom-exception.ts";
import { dispatchingOf, ErrorEvent, type Event } from "./events.ts";
import { asInterface, isObject, requireArguments, toDomString } from "./webidl.ts";

type Callback = ((this: unknown, event: Event) => unknown) | { handleEvent(event: Event): unknown };

interface Listener {
  readonly callback: Callback;
  readonly capture: boolean;
  readonly once: boolean;
  readonly passive: boolean;
  isRemoved: boolean;
}

/** As far as this file needs to know an AbortSignal. */
interface Signal extends EventTarget {
  readonly aborted: boolean;
}

interface Options {
  capture: boolean;
  once: boolean;
  passive: boolean;
  signal: Signal | undefined;
}

let report: (thrown: unknown) => void = () => {};
let isSignal: (value: unknown) => value is Signal = (_): _ is Signal => false;

/** Handed in, since both stand on this file. */
export function useReport(reportError: (thrown: unknown) => void): void {
  report = reportError;
}
export function useSignals(test: (value: unknown) => value is Signal): void {
  isSignal = test;
}

export class EventTarget {
  readonly #listeners = new Map<string, Listener[]>();

  addEventListener(type: string, callback: Callback | null, options: unknown = undefined): void {
    requireArguments(arguments.length, 2, "addEventListener");
    const { capture, once, passive, signal } = readOptions(options);
    const name = toDomString(type);
    requireCallback(callback);
    if (signal?.aborted || callback === null) return;
    const listeners = listenersOf(this, name);
    if (listeners.some((each) => each.callback === callback && each.capture === capture)) return;
    const listener: Listener = { callback, capture, once, passive, isRemoved: false };
    // A new list each time: a dispatch that is under way goes on with the one that it began with.
    mapOf(this).set(name, [...listeners, listener]);
    if (signal !== undefined) onAbort(signal, () => remove(this, name, listener));
  }

  removeEventListener(type: string, callback: Callback | null, options: unknown = undefined): void {
    requireArguments(arguments.length, 2, "removeEventListener");
    const capture = typeof options === "object" && options !== null ? flag(options, "capture") : Boolean(options);
    const name = toDomString(type);
    requireCallback(callback);
    const listener = listenersOf(this, name).find((each) => each.callback === callback && each.capture === capture);
    if (listener !== undefined) remove(this, name, listener);
  }

  dispatchEvent(event: Event): boolean {
    requireArguments(arguments.length, 1, "dispatchEvent");
    mapOf(this);
    const state = dispatchingOf(event);
    if (state.isDispatched || !state.isInitialized)
      throw new DOMException("the event is being dispatched already, or was never initialised.", "InvalidStateError");
    state.isTrusted = false;
    return dispatch(this, event);
  }

  static listenersOf(target: EventTarget): Map<string, Listener[]> {
    return target.#listeners;
  }
}

const listenersIn = EventTarget.listenersOf;
Reflect.deleteProperty(EventTarget, "listenersOf");
asInterface("EventTarget", EventTarget);

/** `this` of the interface's methods: the global object has listeners too, and is of no class. */
const ofGlobal = new EventTarget();

function mapOf(target: unknown): Map<string, Listener[]> {
  return listenersIn(target === globalThis || target === undefined ? ofGlobal : (target as EventTarget));
}

function listenersOf(target: EventTarget, type: string): Listener[] {
  return mapOf(target).get(type) ?? [];
}

function remove(target: EventTarget, type: string, listener: Listener): void {
  listener.isRemoved = true;
  const left = listenersOf(target, type).filter((each) => each !== listener);
  if (left.length === 0) mapOf(target).delete(type);
  else mapOf(target).set(type, left);
}

/** The event goes to its one target; true unless a listener called `preventDefault`. */
export function dispatch(target: EventTarget, event: Event): boolean {
  const state = dispatchingOf(event);
  const shown = (target ?? globalThis) as EventTarget;
  Object.assign(state, { target: shown, currentTarget: shown, phase: 2, isDispatched: true });
  for (const capture of [true, false]) if (!state.isStopped) callRound(shown, event, capture);
  Object.assign(state, { currentTarget: null, phase: 0, isDispatched: false, isStopped: false, stopsAfterThis: false });
  return !event.defaultPrevented;
}

function callRound(target: EventTarget, event: Event, capture: boolean): void {
  const state = dispatchingOf(event);
  for (const listener of listenersOf(target, event.type)) {
    if (listener.isRemoved || listener.capture !== capture) continue;
    if (listener.once) remove(target, event.type, listener);
    state.isPassive = listener.passive;
    call(listener.callback, target, event);
    state.isPassive = false;
    if (state.stopsAfterThis) return;
  }
}

function call(callback: Callback, target: EventTarget, event: Event): void {
  try {
    if (typeof callback === "function") {
      callback.call(target, event);
      return;
    }
    const { handleEvent } = callback;
    if (typeof handleEvent !== "function") throw new TypeError("the listener has no function handleEvent");
    handleEvent.call(callback, event);
  } catch (thrown) {
    report(thrown);
  }
}

function readOptions(options: unknown): Options {
  if (typeof options !== "object" || options === null)
    return { capture: Boolean(options), once: false, passive: false, signal: undefined };
  const capture = flag(options, "capture");
  const once = flag(options, "once");
  const passive = flag(options, "passive");
  const { signal } = options as { signal?: unknown };
  if (signal !== undefined && !isSignal(signal)) throw new TypeError("a listener's signal is an AbortSignal");
  return { capture, once, passive, signal };
}

function flag(options: object, name: string): boolean {
  return Boolean((options as Record<string, unknown>)[name]);
}

function requireCallback(callback: unknown): void {
  if (callback !== null && callback !== undefined && !isObject(callback))
    throw new TypeError("a listener is a function or an object with handleEvent");
}

let onAbort: (signal: Signal, then: () => void) => void = () => {};
/** What an AbortSignal does before its event: the standard's "abort algorithms". */
export function useAbortAlgorithms(add: (signal: Signal, then: () => void) => void): void {
  onAbort = add;
}

/**
 * The attributes `on…` of a class, each a listener that stands where it was first set.
 * @param onSet is told of a handler that was set, after it stands.
 */
export function addHandlers(prototype: object, types: readonly string[], onSet?: (target: EventTarget) => void): void {
  for (const type of types) {
    const handlers = new WeakMap<object, { current: unknown }>();
    Object.defineProperty(prototype, `on${type}`, {
      configurable: true,
      enumerable: true,
      get(this: EventTarget) {
        mapOf(this);
        return handlers.get(this ?? globalThis)?.current ?? null;
      },
      set(this: EventTarget, value: unknown) {
        mapOf(this);
        const key = this ?? globalThis;
        const handler = isObject(value) ? value : null;
        const known = handlers.get(key);
        if (known !== undefined) known.current = handler;
        else if (handler !== null) {
          const slot = { current: handler as unknown };
          handlers.set(key, slot);
          EventTarget.prototype.addEventListener.call(key as EventTarget, type, (event: Event) => {
            if (typeof slot.current !== "function") return;
            if (cancels(Reflect.apply(slot.current, key, argumentsFor(key, event)), key, event)) event.preventDefault();
          });
        }
        onSet?.(this);
      },
    });
  }
}

// The global object's `onerror` is the odd one: five arguments, and true to say that all is well.
function isGlobalError(target: object, event: Event): event is ErrorEvent {
  return target === globalThis && event instanceof ErrorEvent && event.type === "error";
}

function argumentsFor(target: object, event: Event): unknown[] {
  if (!isGlobalError(target, event)) return [event];
  return [event.message, event.filename, event.lineno, event.colno, event.error];
}

function cancels(returned: unknown, target: object, event: Event): boolean {
  return returned === isGlobalError(target, event);
}
