// structuredClone for what a job's own code clones: data, collections, buffers, errors; cycles kept
// (https://html.spec.whatwg.org/#structured-cloning). Transfer is not offered, since there is nothing to transfer to.
import { DOMException } from "./events.ts";

export function structuredClone(value: unknown, options?: { transfer?: unknown[] }): unknown {
  if ((options?.transfer?.length ?? 0) > 0)
    throw new DOMException("structuredClone can't transfer here.", "DataCloneError");
  return clone(value, new Map());
}

function clone(value: unknown, seen: Map<object, unknown>): unknown {
  if (typeof value === "function" || typeof value === "symbol") {
    throw new DOMException(`a ${typeof value} can't be cloned.`, "DataCloneError");
  }
  if (typeof value !== "object" || value === null) return value;
  const known = seen.get(value);
  if (known !== undefined) return known;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return cloneKeys(value, keep(value, {}, seen), seen);
  if (Array.isArray(value)) return cloneKeys(value, keep(value, new Array(value.length), seen), seen);
  return cloneBranded(value, seen);
}

function keep<T extends object>(original: object, copy: T, seen: Map<object, unknown>): T {
  seen.set(original, copy);
  return copy;
}

function cloneKeys(original: object, copy: object, seen: Map<object, unknown>): object {
  for (const key of Object.keys(original)) {
    const value = clone((original as Record<string, unknown>)[key], seen);
    Object.defineProperty(copy, key, { value, writable: true, enumerable: true, configurable: true });
  }
  return copy;
}

const errors = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

function cloneBranded(value: object, seen: Map<object, unknown>): object {
  if (value instanceof Date) return keep(value, new Date(value.getTime()), seen);
  if (value instanceof RegExp) return keep(value, new RegExp(value.source, value.flags), seen);
  if (value instanceof Map) {
    const copy = keep(value, new Map(), seen);
    for (const [key, item] of [...value]) copy.set(clone(key, seen), clone(item, seen));
    return copy;
  }
  if (value instanceof Set) {
    const copy = keep(value, new Set(), seen);
    for (const item of [...value]) copy.add(clone(item, seen));
    return copy;
  }
  if (value instanceof ArrayBuffer) return keep(value, value.slice(0), seen);
  if (ArrayBuffer.isView(value)) return cloneView(value, seen);
  if (value instanceof Error) return cloneError(value, seen);
  if (value instanceof Boolean || value instanceof Number || value instanceof String)
    return keep(value, Object(value.valueOf()), seen);
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet) {
    throw new DOMException("this object can't be cloned.", "DataCloneError");
  }
  return cloneKeys(value, keep(value, {}, seen), seen);
}

function cloneView(value: ArrayBufferView, seen: Map<object, unknown>): object {
  const buffer = clone(value.buffer, seen) as ArrayBuffer;
  const Constructor = value.constructor as new (buffer: ArrayBuffer, offset: number, length: number) => object;
  const length = value instanceof DataView ? value.byteLength : (value as Uint8Array).length;
  return keep(value, new Constructor(buffer, value.byteOffset, length), seen);
}

function cloneError(value: Error, seen: Map<object, unknown>): Error {
  const Constructor = errors[value.name as keyof typeof errors] ?? Error;
  const copy = keep(value, new Constructor(value.message), seen);
  Object.defineProperty(copy, "stack", { value: value.stack, writable: true, configurable: true });
  if (value.cause !== undefined)
    Object.defineProperty(copy, "cause", { value: clone(value.cause, seen), writable: true, configurable: true });
  return copy;
}
