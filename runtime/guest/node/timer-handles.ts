// The web's timers with Node's handles. setImmediate takes one turn of the executor's own loop for all that were
// asked for, rather than a timer each.
import { carrier } from "./carrier.ts";
import { wrongType } from "./errors.ts";
import { host } from "./host.ts";
import { web } from "./web.ts";

type Callback = (...args: unknown[]) => void;

export const customPromisify = Symbol.for("nodejs.util.promisify.custom");

/** A handle: what Node gives for a timer. `ref` and `unref` change nothing, since a job ends with its promise. */
export class Timeout {
  #id: number;
  #isOver = false;
  #isReferenced = true;
  readonly #arm: () => number;

  constructor(callback: Callback, delayMs: number | undefined, args: unknown[], repeats: boolean) {
    if (typeof callback !== "function") throw wrongType("callback", "of type function", callback);
    const fire = (...given: unknown[]) => {
      this.#isOver = !repeats;
      callback(...given);
    };
    this.#arm = () =>
      (repeats ? web.setInterval : web.setTimeout)(fire as () => void, Math.max(1, Number(delayMs) || 1), ...args);
    this.#id = this.#arm();
  }
  ref(): this {
    this.#isReferenced = true;
    return this;
  }
  unref(): this {
    this.#isReferenced = false;
    return this;
  }
  hasRef(): boolean {
    return this.#isReferenced;
  }
  refresh(): this {
    web.clearTimeout(this.#id);
    if (!this.#isOver) this.#id = this.#arm();
    return this;
  }
  close(): this {
    web.clearTimeout(this.#id);
    this.#isOver = true;
    return this;
  }
  [Symbol.toPrimitive](): number {
    return this.#id;
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

function clear(timer: unknown): void {
  if (timer instanceof Timeout) timer.close();
  else if (timer instanceof Immediate) clearImmediate(timer);
  else if (timer !== undefined && timer !== null) web.clearTimeout(Number(timer));
}

export const setTimeout = (callback: Callback, delayMs?: number, ...args: unknown[]) =>
  new Timeout(callback, delayMs, args, false);

export const setInterval = (callback: Callback, delayMs?: number, ...args: unknown[]) =>
  new Timeout(callback, delayMs, args, true);

export { clear as clearInterval, clear as clearTimeout };

const immediates = new Set<Immediate>();
let isTurnAsked = false;

export class Immediate {
  readonly #run: () => void;
  constructor(callback: Callback, args: unknown[]) {
    if (typeof callback !== "function") throw wrongType("callback", "of type function", callback);
    const bound = carrier.bind(callback);
    this.#run = () => bound(...args);
    immediates.add(this);
    askTurn();
  }
  /** What throws does so alone: the others still run. */
  static run(immediate: Immediate): void {
    try {
      immediate.#run();
    } catch (error) {
      web.queueMicrotask(() => {
        throw error;
      });
    }
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
  [Symbol.dispose](): void {
    clearImmediate(this);
  }
}

function askTurn(): void {
  if (isTurnAsked) return;
  isTurnAsked = true;
  host.computeLater("node.turn", {}).then(() => {
    isTurnAsked = false;
    const due = [...immediates]; // those that they add come in the next turn
    for (const each of due) if (immediates.delete(each)) Immediate.run(each);
    if (immediates.size > 0) askTurn();
  });
}

export function setImmediate(callback: Callback, ...args: unknown[]): Immediate {
  return new Immediate(callback, args);
}

export function clearImmediate(immediate: unknown): void {
  immediates.delete(immediate as Immediate);
}
