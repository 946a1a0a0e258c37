// Modules of Node's that undici's classes name, and never use in here.
declare var module: { exports: unknown };

declare var require: (file: "../uncloneable.ts") => { markAsUncloneable(object: object): void };

module.exports = {
  markAsUncloneable: (object: object) => require("../uncloneable.ts").markAsUncloneable(object),
  IncomingMessage: class {},
  EventEmitter: class {},
  // Listeners of ours are taken off by hand; Node's helper does the same.
  addAbortListener: (signal: EventTargetLike, listener: () => void) => {
    signal.addEventListener("abort", listener, { once: true });
    return { [Symbol.dispose]: () => signal.removeEventListener("abort", listener) };
  },
  performance: { now: () => 0 },
};

interface EventTargetLike {
  addEventListener(type: string, listener: () => void, options: object): void;
  removeEventListener(type: string, listener: () => void): void;
}
