// performance (https://w3c.github.io/hr-time/): time since the run began, in the clock's own steps of a millisecond.
import { clock } from "./clock.ts";
import { EventTarget } from "./event-target.ts";
import { asInterface } from "./webidl.ts";

const makeKey = Symbol("there is one performance");

export class Performance extends EventTarget {
  readonly #isOne = true;
  constructor(key: symbol | undefined = undefined) {
    super();
    if (key !== makeKey) throw new TypeError("Illegal constructor");
  }
  get timeOrigin(): number {
    return this.#isOne ? clock.originMs() : 0;
  }
  now(): number {
    return this.#isOne ? clock.sinceOriginMs() : 0;
  }
  toJSON(): object {
    return this.#isOne ? { timeOrigin: clock.originMs() } : {};
  }
}
asInterface("Performance", Performance);

export const performance = new Performance(makeKey);
