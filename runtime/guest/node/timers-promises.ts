// node:timers/promises.
import { nodeError } from "./errors.ts";
import * as timers from "./timer-handles.ts";
import type { SignalLike } from "./web.ts";

interface Options {
  signal?: SignalLike;
}

function abortErrorOf(signal: SignalLike): Error {
  const error = nodeError(Error, "ABORT_ERR", "The operation was aborted");
  Object.defineProperty(error, "name", { value: "AbortError", configurable: true, writable: true });
  Object.defineProperty(error, "cause", { value: signal.reason, configurable: true, writable: true });
  return error;
}

type Start = (done: () => void) => { [Symbol.dispose](): void };

function once<T>(start: Start, value: T, { signal }: Options): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortErrorOf(signal));
    const onAbort = () => {
      timer[Symbol.dispose]();
      if (signal !== undefined) reject(abortErrorOf(signal));
    };
    const timer = start(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve(value);
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

const setTimeout = <T>(delayMs?: number, value?: T, options: Options = {}) =>
  once((done) => timers.setTimeout(done, delayMs), value, options);

const setImmediate = <T>(value?: T, options: Options = {}) => once((done) => timers.setImmediate(done), value, options);

async function* setInterval<T>(delayMs?: number, value?: T, { signal }: Options = {}): AsyncGenerator<T | undefined> {
  if (signal?.aborted) throw abortErrorOf(signal);
  let due = 0;
  let wake: () => void = () => {};
  const timer = timers.setInterval(() => {
    due += 1;
    wake();
  }, delayMs);
  const onAbort = () => wake();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      if (due === 0 && !signal?.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (signal?.aborted) throw abortErrorOf(signal);
      for (; due > 0; due -= 1) yield value;
    }
  } finally {
    timer.close();
    signal?.removeEventListener("abort", onAbort);
  }
}

const promises = {
  setTimeout,
  setImmediate,
  setInterval,
  scheduler: {
    wait: (delayMs: number, options?: Options) => setTimeout(delayMs, undefined, options),
    yield: () => setImmediate(),
  },
};

Object.defineProperty(timers.setTimeout, timers.customPromisify, { value: setTimeout });
Object.defineProperty(timers.setImmediate, timers.customPromisify, { value: setImmediate });

export default promises;
