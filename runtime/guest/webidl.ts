// What Web IDL (https://webidl.spec.whatwg.org/) asks of every interface: how its members are described, and how an
// argument becomes the type that it is declared with. Only as far as this guest's own interfaces need it; URL, streams and
// fetch bring their own.

interface Constants {
  readonly [name: string]: number;
}

const own = ["constructor", "prototype", "length", "name", "arguments", "caller"];
const prototypes = new WeakSet<object>();

/** Whether an object is of an interface that `asInterface` or `addInterface` has seen, by its prototypes. */
export function isPlatformObject(value: object): boolean {
  for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at)) if (prototypes.has(at)) return true;
  return false;
}

/** An interface that a package has brought, whole. */
export function addInterface({ prototype }: { readonly prototype: object }): void {
  prototypes.add(prototype);
}

/**
 * Gives a class the shape of an interface object: its name, enumerable members, constants in both places. The name is said,
 * since the bundler may have given the class another.
 */
export function asInterface(
  name: string,
  constructor: { readonly prototype: object; readonly name: string },
  constants: Constants = {},
): void {
  const { prototype } = constructor;
  rename(constructor, name);
  prototypes.add(prototype);
  for (const holder of [prototype, constructor]) {
    for (const key of Object.getOwnPropertyNames(holder)) {
      if (holder === constructor ? own.includes(key) : key === "constructor") continue;
      Object.defineProperty(holder, key, { enumerable: true });
    }
    for (const [key, value] of Object.entries(constants))
      Object.defineProperty(holder, key, { value, enumerable: true });
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
}

/** What is called otherwise in the bundle. */
export function rename(value: { readonly name: string }, name: string): void {
  if (value.name !== name) Object.defineProperty(value, "name", { value: name, configurable: true });
}

/** `arguments.length` is what counts: undefined that is given counts too. */
export function requireArguments(given: number, needed: number, what: string): void {
  if (given < needed)
    throw new TypeError(`${what} needs ${needed} argument${needed === 1 ? "" : "s"}, and got ${given}`);
}

export function toDomString(value: unknown): string {
  if (typeof value === "symbol") throw new TypeError("a symbol can't be turned into text");
  return String(value);
}

export function toUsvString(value: unknown): string {
  return toDomString(value).toWellFormed();
}

/** `unsigned long`, modulo 2^32. */
export function toUnsignedLong(value: unknown): number {
  return Number(value as number) >>> 0;
}

/** `[EnforceRange] unsigned long long`. @throws TypeError. */
export function toEnforcedIndex(value: unknown, what: string): number {
  const number = Math.trunc(Number(value as number));
  if (!Number.isFinite(number) || number < 0 || number > Number.MAX_SAFE_INTEGER)
    throw new TypeError(`${what} is not a whole number from 0 on`);
  return number + 0;
}

/** `[Clamp] long long`. */
export function toClampedIndex(value: unknown): number {
  const number = Number(value as number);
  if (Number.isNaN(number)) return 0;
  const clamped = Math.min(Math.max(number, -Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
  const floor = Math.floor(clamped);
  const rest = clamped - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor + 0;
}

/** A dictionary's members are read from it one by one; absent is an empty one. @throws TypeError for what is no object. */
export function toDictionary(value: unknown, what: string): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" && typeof value !== "function") throw new TypeError(`${what} is not an object`);
  return value as Record<string, unknown>;
}

export function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** An attribute such as `onabort`: null, or a callable object. */
export function toHandler<T>(value: T | null): T | null {
  return isObject(value) ? value : null;
}
