// node:async_hooks: AsyncLocalStorage and AsyncResource. V8 tells a script nothing of its awaits, so the bundler lowers async
// functions to promises where a bundle imports this (adapters/system/node-modules.ts); then every continuation passes
// through `then`, and every later callback through a timer or a microtask, and those are given the context here.
import { carrier } from "./carrier.ts";
import { wrongType } from "./errors.ts";
import { refusing } from "./refuse.ts";

type Func = (...args: never[]) => unknown;
type Frame = ReadonlyMap<AsyncLocalStorage<unknown>, unknown> | undefined;

const { apply } = Reflect;
let current: Frame;

function runIn<T>(frame: Frame, callback: Func, self: unknown, args: readonly unknown[]): T {
  const before = current;
  current = frame;
  try {
    return apply(callback as (...args: unknown[]) => T, self, args);
  } finally {
    current = before;
  }
}

function bind<F extends Func>(callback: F): F {
  const frame = current;
  return function (this: unknown, ...args: unknown[]) {
    return runIn(frame, callback, this, args);
  } as unknown as F;
}

function bindIfFunction(value: unknown): unknown {
  return typeof value === "function" ? bind(value as Func) : value;
}

function replace(target: object, name: string, make: (original: Func) => Func): void {
  const before = Object.getOwnPropertyDescriptor(target, name);
  if (before === undefined || typeof before.value !== "function") return;
  const value = Object.defineProperties(make(before.value), {
    name: { value: name, configurable: true },
    length: { value: before.value.length, configurable: true },
  });
  Object.defineProperty(target, name, { ...before, value });
}

replace(Promise.prototype, "then", (then) => {
  return function (this: Promise<unknown>, onFulfilled: unknown, onRejected: unknown) {
    return apply(then, this, [bindIfFunction(onFulfilled), bindIfFunction(onRejected)] as never);
  };
});
// What is awaited may be no promise, and has a `then` of its own that V8 calls later.
replace(Promise, "resolve", (resolve) => {
  return function (this: unknown, value: unknown) {
    const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
    const then = isObject && !(value instanceof Promise) ? (value as { then?: unknown }).then : undefined;
    // biome-ignore lint/suspicious/noThenProperty: a thenable is what was given
    const bound = typeof then === "function" ? { then: bind(then.bind(value) as Func) } : value;
    return apply(resolve, this, [bound] as never);
  };
});
for (const name of ["setTimeout", "setInterval", "queueMicrotask"]) {
  replace(globalThis, name, (original) => {
    return (callback: unknown, ...rest: unknown[]) =>
      apply(original, globalThis, [bindIfFunction(callback), ...rest] as never);
  });
}
carrier.bind = bind;

export class AsyncLocalStorage<T> {
  readonly #name: string;
  readonly #defaultValue: T | undefined;

  constructor({ name = "", defaultValue }: { name?: string; defaultValue?: T } = {}) {
    this.#name = name;
    this.#defaultValue = defaultValue;
  }
  get name(): string {
    return this.#name;
  }
  static bind<F extends Func>(callback: F): F {
    if (typeof callback !== "function") throw wrongType("fn", "of type function", callback);
    return bind(callback);
  }
  static snapshot(): (callback: Func, ...args: unknown[]) => unknown {
    const frame = current;
    return (callback, ...args) => runIn(frame, callback, undefined, args);
  }
  run<R>(store: T, callback: (...args: never[]) => R, ...args: unknown[]): R {
    return runIn(this.#frameWith(store), callback, undefined, args);
  }
  exit<R>(callback: (...args: never[]) => R, ...args: unknown[]): R {
    return runIn(this.#frameWith(undefined), callback, undefined, args);
  }
  enterWith(store: T): void {
    current = this.#frameWith(store);
  }
  getStore(): T | undefined {
    return current?.has(this) ? (current.get(this) as T | undefined) : this.#defaultValue;
  }
  disable(): void {
    const frame = new Map(current);
    frame.delete(this);
    current = frame;
  }

  #frameWith(store: T | undefined): Frame {
    return new Map(current).set(this, store);
  }
}

/** Runs callbacks in the context in which it was made. */
export class AsyncResource {
  readonly #frame: Frame = current;
  readonly type: string;

  constructor(type: string, _options?: object) {
    if (typeof type !== "string") throw wrongType("type", "of type string", type);
    this.type = type;
  }
  static bind<F extends Func>(callback: F, _type?: string, self?: unknown): F {
    const bound = bind(callback);
    return (self === undefined ? bound : bound.bind(self as never)) as F;
  }
  runInAsyncScope<R>(callback: (...args: never[]) => R, self?: unknown, ...args: unknown[]): R {
    return runIn(this.#frame, callback, self, args);
  }
  bind<F extends Func>(callback: F, self?: unknown): F {
    const frame = this.#frame;
    return function (this: unknown, ...args: unknown[]) {
      return runIn(frame, callback, self ?? this, args);
    } as unknown as F;
  }
  asyncId(): number {
    return 1;
  }
  triggerAsyncId(): number {
    return 0;
  }
  emitDestroy(): this {
    return this;
  }
}

export default {
  AsyncLocalStorage,
  AsyncResource,
  createHook: refusing("async_hooks.createHook", "V8 tells a job nothing of its awaits: use AsyncLocalStorage"),
  executionAsyncId: () => 1,
  triggerAsyncId: () => 0,
  executionAsyncResource: () => ({}),
  asyncWrapProviders: Object.freeze({ __proto__: null }),
};
