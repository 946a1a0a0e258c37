// AbortController and AbortSignal (https://dom.spec.whatwg.org/#aborting-ongoing-activities).
import { DOMException } from "./dom-exception.ts";
import { addHandlers, dispatch, EventTarget, useAbortAlgorithms, useSignals } from "./event-target.ts";
import { dispatchingOf, Event } from "./events.ts";
import { setTimeout } from "./timers.ts";
import { asInterface, requireArguments, toEnforcedIndex } from "./webidl.ts";

const makeKey = Symbol("only AbortController makes signals");

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason: unknown;
  #algorithms: (() => void)[] = [];
  /** Of a signal that `any` made: those that it stands for, none of them made by `any`. Held weakly, as the standard has it. */
  #sources: AbortSignal[] = [];
  #dependents = new Set<AbortSignal>();
  #isDependent = false;

  constructor(key: symbol | undefined = undefined) {
    super();
    if (key !== makeKey) throw new TypeError("Illegal constructor");
  }

  static abort(reason: unknown = undefined): AbortSignal {
    const signal = new AbortSignal(makeKey);
    signal.#aborted = true;
    signal.#reason = reasonOf(reason);
    return signal;
  }

  static timeout(milliseconds: number): AbortSignal {
    requireArguments(arguments.length, 1, "AbortSignal.timeout");
    const delayMs = toEnforcedIndex(milliseconds, "the time of AbortSignal.timeout");
    const signal = new AbortSignal(makeKey);
    setTimeout(() => abortSignal(signal, new DOMException("The operation timed out.", "TimeoutError")), delayMs);
    return signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    requireArguments(arguments.length, 1, "AbortSignal.any");
    const all = [...signals];
    if (!all.every(isAbortSignal)) throw new TypeError("AbortSignal.any takes signals");
    const combined = new AbortSignal(makeKey);
    combined.#isDependent = true;
    const aborted = all.find((signal) => signal.#aborted);
    if (aborted !== undefined) {
      combined.#aborted = true;
      combined.#reason = aborted.#reason;
      return combined;
    }
    for (const source of new Set(all.flatMap((signal) => (signal.#isDependent ? signal.#sources : [signal])))) {
      source.#dependents.add(combined);
      combined.#sources.push(source);
    }
    return combined;
  }

  get aborted(): boolean {
    return this.#aborted;
  }
  get reason(): unknown {
    return this.#reason;
  }
  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  /** All are marked before anyone hears of it. */
  static doAbort(signal: AbortSignal, reason: unknown): void {
    if (signal.#aborted) return;
    const marked = [signal, ...[...signal.#dependents].filter((each) => !each.#aborted)];
    const given = reasonOf(reason);
    for (const each of marked) {
      each.#aborted = true;
      each.#reason = given;
    }
    for (const each of marked) {
      const algorithms = each.#algorithms;
      each.#algorithms = [];
      each.#dependents.clear();
      for (const algorithm of algorithms) algorithm();
      const event = new Event("abort");
      dispatchingOf(event).isTrusted = true;
      dispatch(each, event);
    }
  }
  static addAlgorithm(signal: AbortSignal, algorithm: () => void): void {
    if (!signal.#aborted) signal.#algorithms.push(algorithm);
  }
  static isOne(value: unknown): value is AbortSignal {
    return typeof value === "object" && value !== null && #aborted in value;
  }
}

function reasonOf(reason: unknown): unknown {
  return reason === undefined ? new DOMException("This operation was aborted", "AbortError") : reason;
}

const { doAbort: abortSignal, addAlgorithm, isOne: isAbortSignal } = AbortSignal;
for (const name of ["doAbort", "addAlgorithm", "isOne"]) Reflect.deleteProperty(AbortSignal, name);
asInterface("AbortSignal", AbortSignal);
addHandlers(AbortSignal.prototype, ["abort"]);
useSignals(isAbortSignal);
useAbortAlgorithms((signal, then) => addAlgorithm(signal as AbortSignal, then));

export { isAbortSignal };

export class AbortController {
  readonly #signal = new AbortSignal(makeKey);
  get signal(): AbortSignal {
    return this.#signal;
  }
  abort(reason: unknown = undefined): void {
    abortSignal(this.#signal, reason);
  }
}
asInterface("AbortController", AbortController);
