// structuredClone and what messages are copied with (https://html.spec.whatwg.org/#structured-cloning): data, collections,
// buffers, errors; cycles kept, each property read once. Interfaces of the guest that can be cloned or transferred say so
// themselves (`addCloneable`, `addTransferable`). Plain objects and arrays go first: they are what jobs clone, and a brand
// that is asked for in vain costs ten microseconds.
import { DOMException, isDomException } from "./dom-exception.ts";
import { isUncloneable } from "./uncloneable.ts";
import { isPlatformObject, requireArguments, toDictionary } from "./webidl.ts";

interface Cloneable {
  isOne(value: object): boolean;
  clone(value: object, inner: (value: unknown) => unknown): object;
}

interface Transferable {
  isOne(value: object): boolean;
  /** What stands for the value on the other side; nothing has happened to the value yet. @throws DOMException. */
  prepare(value: object): { copy: object; finish(): void };
}

const cloneables: Cloneable[] = [];
const transferables: Transferable[] = [];

export function addCloneable(kind: Cloneable): void {
  cloneables.push(kind);
}
export function addTransferable(kind: Transferable): void {
  transferables.push(kind);
}

export function structuredClone(value: unknown, options: { transfer?: unknown } = {}): unknown {
  requireArguments(arguments.length, 1, "structuredClone");
  const { transfer } = toDictionary(options, "structuredClone's second argument");
  return cloneWithTransfer(value, transfer === undefined ? [] : [...(transfer as Iterable<object>)]).value;
}

/** @returns the copy, and the copies of what was transferred, in their order. */
export function cloneWithTransfer(value: unknown, transfer: readonly object[]): { value: unknown; moved: object[] } {
  const seen = new Map<object, unknown>();
  const prepared = transfer.map((each) => prepareTransfer(each, seen));
  const copy = clone(value, seen);
  for (const { finish } of prepared) finish();
  return { value: copy, moved: prepared.map((each) => each.copy) };
}

function prepareTransfer(value: unknown, seen: Map<object, unknown>): { copy: object; finish(): void } {
  if (typeof value !== "object" || value === null) throw new TypeError("what is transferred is an object");
  if (seen.has(value)) throw notCloneable("it is transferred twice");
  const kind = transferables.find((each) => each.isOne(value));
  if (kind === undefined) throw notCloneable("it can't be transferred");
  const prepared = kind.prepare(value);
  seen.set(value, prepared.copy);
  return prepared;
}

function notCloneable(why: string): DOMException {
  return new DOMException(`The object could not be cloned: ${why}.`, "DataCloneError");
}

const { getPrototypeOf, prototype: objectPrototype, keys: keysOf, defineProperty } = Object;
const tagOf = objectPrototype.toString;

function clone(value: unknown, seen: Map<object, unknown>): unknown {
  if (typeof value === "function" || typeof value === "symbol") throw notCloneable(`a ${typeof value} can't be`);
  if (typeof value !== "object" || value === null) return value;
  const known = seen.get(value);
  if (known !== undefined) return known;
  if (Array.isArray(value)) return cloneKeys(value, keep(value, new Array(value.length), seen), seen);
  const prototype = getPrototypeOf(value);
  if ((prototype === objectPrototype || prototype === null) && tagOf.call(value) === "[object Object]")
    return cloneKeys(value, keep(value, {}, seen), seen);
  return cloneBranded(value, seen);
}

function keep<T extends object>(original: object, copy: T, seen: Map<object, unknown>): T {
  seen.set(original, copy);
  return copy;
}

function cloneKeys(original: object, copy: object, seen: Map<object, unknown>): object {
  for (const key of keysOf(original)) {
    if (!Object.hasOwn(original, key)) continue; // a getter has taken it away
    const value = clone((original as Record<string, unknown>)[key], seen);
    defineProperty(copy, key, { value, writable: true, enumerable: true, configurable: true });
  }
  return copy;
}

/** Throws a TypeError for what isn't of the kind, whatever its prototype says. */
const brands = {
  date: Date.prototype.getTime,
  regExp: Object.getOwnPropertyDescriptor(RegExp.prototype, "flags")?.get,
  regExpSource: Object.getOwnPropertyDescriptor(RegExp.prototype, "source")?.get,
  map: Object.getOwnPropertyDescriptor(Map.prototype, "size")?.get,
  set: Object.getOwnPropertyDescriptor(Set.prototype, "size")?.get,
  buffer: Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength")?.get,
  weakMap: WeakMap.prototype.has,
  weakSet: WeakSet.prototype.has,
  weakRef: WeakRef.prototype.deref,
  promise: Promise.prototype.then,
  boolean: Boolean.prototype.valueOf,
  number: Number.prototype.valueOf,
  string: String.prototype.valueOf,
  bigint: BigInt.prototype.valueOf,
  symbol: Symbol.prototype.valueOf,
};

function has(brand: unknown, value: object): boolean {
  try {
    Reflect.apply(brand as () => unknown, value, []);
    return true;
  } catch {
    return false;
  }
}

function cloneBranded(value: object, seen: Map<object, unknown>): object {
  if (ArrayBuffer.isView(value)) return cloneView(value, seen);
  const tag = tagOf.call(value);
  if (tag === "[object Error]" || value instanceof Error || isDomException(value)) return cloneError(value, seen);
  if (isUncloneable(value)) throw notCloneable("its kind can't be");
  const cloneable = cloneables.find((each) => each.isOne(value));
  if (cloneable !== undefined)
    return keep(
      value,
      cloneable.clone(value, (inner) => clone(inner, seen)),
      seen,
    );
  if (transferables.some((each) => each.isOne(value)) && !has(brands.buffer, value))
    throw notCloneable("it is not in the transfer list");
  if (has(brands.date, value)) return keep(value, new Date(Reflect.apply(brands.date, value, []) as number), seen);
  if (has(brands.buffer, value)) return keep(value, copyBuffer(value as ArrayBuffer), seen);
  if (has(brands.map, value)) return cloneMap(value as Map<unknown, unknown>, seen);
  if (has(brands.set, value)) return cloneSet(value as Set<unknown>, seen);
  if (isRegExp(value))
    return keep(value, new RegExp(sourceOf(value), Reflect.apply(brands.regExp as never, value, [])), seen);
  for (const brand of [brands.boolean, brands.number, brands.string, brands.bigint])
    if (has(brand, value)) return keep(value, Object(Reflect.apply(brand, value, [])), seen);
  for (const brand of [brands.weakMap, brands.weakSet, brands.weakRef, brands.symbol])
    if (has(brand, value)) throw notCloneable("of its kind there is no copy");
  if (value instanceof Promise || isPlatformObject(value)) throw notCloneable("its kind can't be");
  return cloneKeys(value, keep(value, {}, seen), seen);
}

// `flags` reads properties of any object, and `source` gives "(?:)" for the prototype; only a real one executes.
function isRegExp(value: object): value is RegExp {
  return tagOf.call(value) === "[object RegExp]" && has(brands.regExpSource, value) && value !== RegExp.prototype;
}

function sourceOf(value: RegExp): string {
  return Reflect.apply(brands.regExpSource as () => string, value, []);
}

function cloneMap(value: Map<unknown, unknown>, seen: Map<object, unknown>): object {
  const copy = keep(value, new Map<unknown, unknown>(), seen);
  const pairs: [unknown, unknown][] = [];
  Map.prototype.forEach.call(value, (item, key) => void pairs.push([key, item]));
  for (const [key, item] of pairs) copy.set(clone(key, seen), clone(item, seen));
  return copy;
}

function cloneSet(value: Set<unknown>, seen: Map<object, unknown>): object {
  const copy = keep(value, new Set<unknown>(), seen);
  const items: unknown[] = [];
  Set.prototype.forEach.call(value, (item) => void items.push(item));
  for (const item of items) copy.add(clone(item, seen));
  return copy;
}

function copyBuffer(value: ArrayBuffer): ArrayBuffer {
  if (value.detached) throw notCloneable("its buffer is detached");
  const options = value.resizable ? { maxByteLength: value.maxByteLength } : undefined;
  const copy = new ArrayBuffer(value.byteLength, options);
  new Uint8Array(copy).set(new Uint8Array(value));
  return copy;
}

const typedArrayTag = Object.getOwnPropertyDescriptor(getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)?.get;

function cloneView(value: ArrayBufferView, seen: Map<object, unknown>): object {
  const name = Reflect.apply(typedArrayTag as () => string | undefined, value, []) ?? "DataView";
  const Constructor = (globalThis as unknown as Record<string, new (...args: unknown[]) => object>)[name];
  const source = value.buffer as ArrayBuffer;
  if (Constructor === undefined || source.detached) throw notCloneable("its buffer is detached");
  const buffer = clone(source, seen);
  if (tracksLength(value, source)) return keep(value, new Constructor(buffer, value.byteOffset), seen);
  const length = name === "DataView" ? value.byteLength : (value as Uint8Array).length;
  return keep(value, new Constructor(buffer, value.byteOffset, length), seen);
}

// A view that was made without a length grows with its buffer; nothing tells so but trying.
function tracksLength(value: ArrayBufferView, buffer: ArrayBuffer): boolean {
  if (!buffer.resizable || buffer.byteLength === buffer.maxByteLength) return false;
  const before = value.byteLength;
  const size = buffer.byteLength;
  const bytes = (value as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
  if (size + bytes > buffer.maxByteLength) return false;
  buffer.resize(size + bytes);
  const grew = value.byteLength !== before;
  buffer.resize(size);
  return grew;
}

const errors: Readonly<Record<string, new (message?: string) => Error>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

function cloneError(value: object, seen: Map<object, unknown>): object {
  const error = value as Error;
  if (isDomException(value)) {
    const copy = keep(value, new DOMException(value.message, value.name), seen);
    defineProperty(copy, "stack", { value: error.stack, writable: true, configurable: true });
    return copy;
  }
  const name = String(error.name);
  const Constructor = (Object.hasOwn(errors, name) ? errors[name] : undefined) ?? Error;
  const message = Object.getOwnPropertyDescriptor(value, "message");
  const copy = keep(
    value,
    "value" in (message ?? {}) ? new Constructor(String(message?.value)) : new Constructor(),
    seen,
  );
  defineProperty(copy, "stack", { value: String(error.stack), writable: true, configurable: true });
  if (Object.hasOwn(value, "cause"))
    defineProperty(copy, "cause", { value: clone(error.cause, seen), writable: true, configurable: true });
  return copy;
}

// A buffer's copy is filled when all is cloned, and the buffer is then let go: the same to see as one that moved.
addTransferable({
  isOne: (value) => has(brands.buffer, value),
  prepare(value) {
    const buffer = value as ArrayBuffer;
    const copy = copyBuffer(buffer);
    return {
      copy,
      finish() {
        if (buffer.detached) throw notCloneable("its buffer is detached");
        if (buffer.byteLength === copy.byteLength) new Uint8Array(copy).set(new Uint8Array(buffer));
        buffer.transfer(0);
      },
    };
  },
});
