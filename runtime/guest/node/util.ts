// node:util: Node's own inspect and format (node-inspect-extracted), and the small functions that packages take from here.
import osConstants from "mayfly:constants/os";
import { Buffer } from "./buffer.ts";
import { isDeepEqual } from "./deep-equal.ts";
import { nodeError, requireCallback, wrongType } from "./errors.ts";
import { format, formatWithOptions, inspect, stripVTControlCharacters } from "./inspect.ts";
import { process } from "./process.ts";
import { refusing } from "./refuse.ts";
import { customPromisify } from "./timer-handles.ts";
import timersPromises from "./timers-promises.ts";
import { types } from "./util-types.ts";
import { type SignalLike, web } from "./web.ts";

type Func = (...args: unknown[]) => unknown;

const { errno } = osConstants;

const argumentNames = Symbol("customPromisifyArgs");

/** The promise's value is the callback's second argument; for a function that says so, an object of all that it gave. */
export function promisify(original: unknown): Func {
  if (typeof original !== "function") throw wrongType("original", "of type function", original);
  if (original === web.setTimeout) return timersPromises.setTimeout as Func;
  const custom = (original as unknown as Record<symbol, unknown>)[customPromisify];
  if (custom !== undefined) {
    if (typeof custom !== "function") throw wrongType("util.promisify.custom", "of type function", custom);
    return custom as Func;
  }
  const names = (original as unknown as Record<symbol, readonly string[] | undefined>)[argumentNames];
  function promised(this: unknown, ...args: unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      Reflect.apply(original as Func, this, [
        ...args,
        (error: unknown, ...values: unknown[]) => {
          if (error) reject(error);
          else if (names === undefined || values.length < 2) resolve(values[0]);
          else resolve(Object.fromEntries(names.map((name, index) => [name, values[index]])));
        },
      ]);
    });
  }
  Object.setPrototypeOf(promised, Object.getPrototypeOf(original));
  return Object.defineProperties(promised, Object.getOwnPropertyDescriptors(original) as PropertyDescriptorMap) as Func;
}
promisify.custom = customPromisify;

/** Names for what a callback gives beyond one value. */
export function giving<F extends object>(original: F, names: readonly string[]): F {
  return Object.defineProperty(original, argumentNames, { value: names });
}

function callbackify(original: unknown): Func {
  if (typeof original !== "function") throw wrongType("original", "of type function", original);
  function called(this: unknown, ...args: unknown[]): void {
    const callback = args.pop();
    requireCallback(callback);
    (Reflect.apply(original as Func, this, args) as Promise<unknown>).then(
      (value) => process.nextTick(callback, null, value),
      (reason: unknown) => process.nextTick(callback, reason || falsyRejection(reason)),
    );
  }
  Object.setPrototypeOf(called, Object.getPrototypeOf(original));
  const { name, length } = original as Func;
  return Object.defineProperties(called, {
    name: { value: `${name}Callbackified`, configurable: true },
    length: { value: length + 1, configurable: true },
  }) as Func;
}

function falsyRejection(reason: unknown): Error {
  const error = nodeError(Error, "ERR_FALSY_VALUE_REJECTION", "Promise was rejected with falsy value");
  return Object.assign(error, { reason });
}

type OldClass = Func & { prototype: object };

function inherits(Child: OldClass, Parent: OldClass): void {
  if (typeof Child !== "function") throw wrongType("ctor", "of type function", Child);
  if (typeof Parent !== "function") throw wrongType("superCtor", "of type function", Parent);
  Object.defineProperty(Child, "super_", { value: Parent, writable: true, configurable: true });
  Object.setPrototypeOf(Child.prototype, Parent.prototype);
}

const warned = new Set<string>();

function deprecate<F extends Func>(callback: F, message: string, code?: string): F {
  let isFirst = true;
  function deprecated(this: unknown, ...args: unknown[]): unknown {
    if (isFirst && (code === undefined || !warned.has(code)))
      process.emitWarning(`${code === undefined ? "" : `[${code}] `}${message}`, "DeprecationWarning");
    isFirst = false;
    if (code !== undefined) warned.add(code);
    return new.target ? Reflect.construct(callback, args, new.target) : Reflect.apply(callback, this, args);
  }
  Object.setPrototypeOf(deprecated, callback);
  if (callback.prototype) deprecated.prototype = callback.prototype;
  return deprecated as unknown as F;
}

/** Off: a job has no NODE_DEBUG. */
function debuglog(): Func & { enabled: boolean } {
  return Object.assign(() => {}, { enabled: false });
}

const colors = new Map(Object.entries(inspect.colors as unknown as Record<string, [number, number]>));

function styleText(formats: string | readonly string[], text: string): string {
  let styled = text;
  const names = typeof formats === "string" ? [formats] : [...formats].reverse();
  for (const name of names) {
    const codes = colors.get(name);
    if (codes === undefined && name !== "none") throw wrongType("format", "a name of util.inspect.colors", name);
    if (codes !== undefined) styled = `\u001b[${codes[0]}m${styled}\u001b[${codes[1]}m`;
  }
  return styled;
}

async function aborted(signal: SignalLike): Promise<unknown> {
  if (signal.aborted) return undefined;
  return new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

function getSystemErrorName(number: number): string | undefined {
  return Object.keys(errno).find((name) => errno[name] === -number);
}

const refused = (name: string) => refusing(`util.${name}`, "use an npm package for it");

export default {
  promisify,
  callbackify,
  inherits,
  deprecate,
  debuglog,
  debug: debuglog,
  inspect,
  format,
  formatWithOptions,
  stripVTControlCharacters,
  styleText,
  isDeepStrictEqual: (one: unknown, two: unknown) => isDeepEqual(one, two, true),
  types,
  aborted,
  getSystemErrorName,
  getSystemErrorMap: () => new Map(Object.entries(errno).map(([name, number]) => [-number, [name, name]])),
  toUSVString: (text: unknown) => String(text).toWellFormed(),
  isArray: Array.isArray,
  isBoolean: (value: unknown) => typeof value === "boolean",
  isBuffer: (value: unknown) => Buffer.isBuffer(value),
  isDate: types.isDate,
  isError: (value: unknown) => types.isNativeError(value),
  isFunction: (value: unknown) => typeof value === "function",
  isNull: (value: unknown) => value === null,
  isNullOrUndefined: (value: unknown) => value === null || value === undefined,
  isNumber: (value: unknown) => typeof value === "number",
  isObject: (value: unknown) => typeof value === "object" && value !== null,
  isPrimitive: (value: unknown) => (typeof value !== "object" && typeof value !== "function") || value === null,
  isRegExp: types.isRegExp,
  isString: (value: unknown) => typeof value === "string",
  isSymbol: (value: unknown) => typeof value === "symbol",
  isUndefined: (value: unknown) => value === undefined,
  log: (...args: unknown[]) => web.console.log(format(...args)),
  _extend: (target: object, source: object) => Object.assign(target, source),
  parseArgs: refused("parseArgs"),
  parseEnv: refused("parseEnv"),
  MIMEType: refused("MIMEType"),
  MIMEParams: refused("MIMEParams"),
  transferableAbortController: () => new web.AbortController(),
  transferableAbortSignal: (signal: SignalLike) => signal,
  get TextEncoder() {
    return web.TextEncoder;
  },
  get TextDecoder() {
    return web.TextDecoder;
  },
};
