// node:util for undici's classes: what it is asked about types, answered by brand.
declare var module: { exports: unknown };

const typedArrayTag = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)
  ?.get as () => string | undefined;
const tagOf = (value: unknown) =>
  typeof value === "object" && value !== null ? Reflect.apply(typedArrayTag, value, []) : undefined;
const bufferLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength")?.get as () => number;

function isArrayBuffer(value: unknown): boolean {
  try {
    Reflect.apply(bufferLength, value, []);
    return true;
  } catch {
    return false;
  }
}

const types = {
  isArrayBuffer,
  isAnyArrayBuffer: isArrayBuffer,
  isSharedArrayBuffer: () => false,
  isTypedArray: (value: unknown) => tagOf(value) !== undefined,
  isDataView: (value: unknown) => ArrayBuffer.isView(value) && tagOf(value) === undefined,
  isArrayBufferView: (value: unknown) => ArrayBuffer.isView(value),
  isUint8Array: (value: unknown) => tagOf(value) === "Uint8Array",
  isProxy: () => true, // V8 tells nobody in here; true is the way that reads every key by itself
};

const show = (value: unknown) => (typeof value === "string" ? value : String(value));

module.exports = {
  ...types, // node:util/types is this file too
  types,
  inspect: Object.assign(show, { custom: Symbol.for("nodejs.util.inspect.custom") }),
  formatWithOptions: (_: unknown, ...parts: unknown[]) => parts.map(show).join(" "),
};
