// navigator (ECMA-429 asks for its userAgent, and no more).
import { asInterface } from "./webidl.ts";

const makeKey = Symbol("there is one navigator");

export class Navigator {
  readonly #userAgent: string;
  constructor(key: symbol | undefined = undefined) {
    if (key !== makeKey) throw new TypeError("Illegal constructor");
    this.#userAgent = "Mayfly";
  }
  get userAgent(): string {
    return this.#userAgent;
  }
}
asInterface("Navigator", Navigator);

export const navigator = new Navigator(makeKey);
