// node:util/types: what kind of object a value is, by its internal slots where a method reads them, and by its tag otherwise.

const { apply } = Reflect;
const tagOf = (value: unknown) => apply(Object.prototype.toString, value, []).slice(8, -1);

type Method = (...args: never[]) => unknown;

/** True when the method, which reads a slot, doesn't throw. */
function has(method: Method | undefined, value: unknown, ...args: unknown[]): boolean {
  if (method === undefined || typeof value !== "object" || value === null) return false;
  try {
    apply(method, value, args as never);
    return true;
  } catch {
    return false;
  }
}

function getter(prototype: object, name: string | symbol): Method | undefined {
  return Object.getOwnPropertyDescriptor(prototype, name)?.get as Method | undefined;
}

const TypedArray = Object.getPrototypeOf(Uint8Array) as { prototype: object };
const arrayTag = getter(TypedArray.prototype, Symbol.toStringTag);
const kindOfArray = (value: unknown) => (arrayTag === undefined ? undefined : apply(arrayTag, value as never, []));

const arrays = [
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float16Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
];

const { isError } = Error as { isError?: (value: unknown) => boolean };
const isNumberObject = (value: unknown) => has(Number.prototype.valueOf, value);
const isStringObject = (value: unknown) => has(String.prototype.valueOf, value);
const isBooleanObject = (value: unknown) => has(Boolean.prototype.valueOf, value);
const isBigIntObject = (value: unknown) => has(BigInt.prototype.valueOf, value);
const isSymbolObject = (value: unknown) => has(Symbol.prototype.valueOf, value);
const isArrayBuffer = (value: unknown) => has(getter(ArrayBuffer.prototype, "byteLength"), value);
const { SharedArrayBuffer: Shared } = globalThis as { SharedArrayBuffer?: { prototype: object } };
const isSharedArrayBuffer = (value: unknown) =>
  Shared !== undefined && has(getter(Shared.prototype, "byteLength"), value);
const functionTag = (value: unknown) => (typeof value === "function" ? tagOf(value) : "");

export const types = {
  isPromise: (value: unknown) => value instanceof Promise,
  isDate: (value: unknown) => has(Date.prototype.getTime, value),
  isRegExp: (value: unknown) => has(getter(RegExp.prototype, "global"), value) && tagOf(value) === "RegExp",
  isMap: (value: unknown) => has(getter(Map.prototype, "size"), value),
  isSet: (value: unknown) => has(getter(Set.prototype, "size"), value),
  isWeakMap: (value: unknown) => has(WeakMap.prototype.has, value, {}),
  isWeakSet: (value: unknown) => has(WeakSet.prototype.has, value, {}),
  isNativeError: isError ?? ((value: unknown) => value instanceof Error),
  isAnyArrayBuffer: (value: unknown) => isArrayBuffer(value) || isSharedArrayBuffer(value),
  isArrayBuffer,
  isSharedArrayBuffer,
  isArrayBufferView: (value: unknown) => ArrayBuffer.isView(value),
  isDataView: (value: unknown) => ArrayBuffer.isView(value) && kindOfArray(value) === undefined,
  isTypedArray: (value: unknown) => kindOfArray(value) !== undefined,
  ...Object.fromEntries(arrays.map((name) => [`is${name}`, (value: unknown) => kindOfArray(value) === name])),
  isNumberObject,
  isStringObject,
  isBooleanObject,
  isBigIntObject,
  isSymbolObject,
  isBoxedPrimitive: (value: unknown) =>
    [isNumberObject, isStringObject, isBooleanObject, isBigIntObject, isSymbolObject].some((is) => is(value)),
  isAsyncFunction: (value: unknown) => /^Async/.test(functionTag(value)),
  isGeneratorFunction: (value: unknown) => /GeneratorFunction$/.test(functionTag(value)),
  isGeneratorObject: (value: unknown) => /Generator$/.test(tagOf(value)),
  isMapIterator: (value: unknown) => tagOf(value) === "Map Iterator",
  isSetIterator: (value: unknown) => tagOf(value) === "Set Iterator",
  isModuleNamespaceObject: (value: unknown) => tagOf(value) === "Module",
  isArgumentsObject: (value: unknown) => tagOf(value) === "Arguments",
  /** No script can tell; a proxy is made to look like what it stands for. */
  isProxy: () => false,
  isExternal: () => false,
  isKeyObject: (value: unknown) => tagOf(value) === "KeyObject",
  isCryptoKey: (value: unknown) => tagOf(value) === "CryptoKey",
};

export default types;
