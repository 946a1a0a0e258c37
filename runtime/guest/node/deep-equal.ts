// util.isDeepStrictEqual and the two ways in which assert compares: strictly by Object.is, prototypes and kinds, or loosely
// by ==. Cycles are equal where they lead back to the same place on both sides.
import { types } from "./util-types.ts";

type Pairs = Map<object, object>;

export function isDeepEqual(one: unknown, two: unknown, strict: boolean): boolean {
  return equal(one, two, strict, new Map());
}

function equal(one: unknown, two: unknown, strict: boolean, above: Pairs): boolean {
  if (Object.is(one, two)) return true;
  const [isObject, isOtherObject] = [isReference(one), isReference(two)];
  if (!isObject || !isOtherObject) {
    if (strict) return false;
    if (isObject || isOtherObject) return false;
    // biome-ignore lint/suspicious/noDoubleEquals: the loose comparison is what was asked for
    return one == two || (Number.isNaN(one) && Number.isNaN(two));
  }
  return equalObjects(one as object, two as object, strict, above);
}

function isReference(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

const tagOf = (value: object) => Object.prototype.toString.call(value);

function equalObjects(one: object, two: object, strict: boolean, above: Pairs): boolean {
  if (strict && Object.getPrototypeOf(one) !== Object.getPrototypeOf(two)) return false;
  if (tagOf(one) !== tagOf(two) || Array.isArray(one) !== Array.isArray(two)) return false;
  if (!sameContent(one, two, strict)) return false;
  if (above.has(one)) return above.get(one) === two;
  above.set(one, two);
  const same = sameItems(one, two, strict, above) && sameKeys(one, two, strict, above);
  above.delete(one);
  return same;
}

/** What lies in no property. */
function sameContent(one: object, two: object, strict: boolean): boolean {
  if (types.isDate(one)) return types.isDate(two) && Object.is((one as Date).getTime(), (two as Date).getTime());
  if (types.isRegExp(one)) {
    const [a, b] = [one as RegExp, two as RegExp];
    return types.isRegExp(two) && a.source === b.source && a.flags === b.flags && a.lastIndex === b.lastIndex;
  }
  if (one instanceof Error || two instanceof Error) {
    const [a, b] = [one as Error, two as Error];
    return a.message === b.message && a.name === b.name;
  }
  if (types.isAnyArrayBuffer(one))
    return sameBytes(new Uint8Array(one as ArrayBuffer), new Uint8Array(two as ArrayBuffer));
  if (ArrayBuffer.isView(one)) return ArrayBuffer.isView(two) && sameView(one, two, strict);
  if (types.isBoxedPrimitive(one)) return types.isBoxedPrimitive(two) && Object.is(one.valueOf(), two.valueOf());
  return !types.isBoxedPrimitive(two);
}

function sameView(one: ArrayBufferView, two: ArrayBufferView, strict: boolean): boolean {
  const floats = one instanceof Float32Array || one instanceof Float64Array;
  if (floats && !strict) {
    const [a, b] = [one as Float64Array, two as Float64Array];
    return a.length === b.length && a.every((value, index) => value === b[index]);
  }
  const bytes = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return sameBytes(bytes(one), bytes(two));
}

function sameBytes(one: Uint8Array, two: Uint8Array): boolean {
  return one.length === two.length && one.every((byte, index) => byte === two[index]);
}

function sameItems(one: object, two: object, strict: boolean, above: Pairs): boolean {
  if (types.isSet(one)) return types.isSet(two) && sameSets(one as Set<unknown>, two as Set<unknown>, strict, above);
  if (types.isMap(one))
    return types.isMap(two) && sameMaps(one as Map<unknown, unknown>, two as Map<unknown, unknown>, strict, above);
  return true;
}

function sameSets(one: Set<unknown>, two: Set<unknown>, strict: boolean, above: Pairs): boolean {
  if (one.size !== two.size) return false;
  const others = [...two].filter((item) => !one.has(item));
  return [...one]
    .filter((item) => !two.has(item))
    .every((item) => takeEqual(others, (other) => equal(item, other, strict, above)));
}

function sameMaps(one: Map<unknown, unknown>, two: Map<unknown, unknown>, strict: boolean, above: Pairs): boolean {
  if (one.size !== two.size) return false;
  const others = [...two].filter(([key]) => !one.has(key));
  for (const [key, value] of one) {
    if (two.has(key)) {
      if (!equal(value, two.get(key), strict, above)) return false;
    } else if (
      !takeEqual(others, ([other, item]) => equal(key, other, strict, above) && equal(value, item, strict, above))
    )
      return false;
  }
  return true;
}

/** Each of the others stands for one only. */
function takeEqual<T>(others: T[], same: (other: T) => boolean): boolean {
  const at = others.findIndex(same);
  if (at >= 0) others.splice(at, 1);
  return at >= 0;
}

function keysOf(value: object, strict: boolean): (string | symbol)[] {
  const keys: (string | symbol)[] = ArrayBuffer.isView(value)
    ? Object.keys(value).filter((key) => !/^\d+$/.test(key))
    : Object.keys(value);
  if (!strict) return keys;
  const symbols = Object.getOwnPropertySymbols(value);
  return [...keys, ...symbols.filter((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol))];
}

function sameKeys(one: object, two: object, strict: boolean, above: Pairs): boolean {
  const keys = keysOf(one, strict);
  if (keys.length !== keysOf(two, strict).length) return false;
  if (Array.isArray(one) && one.length !== (two as unknown[]).length) return false;
  return keys.every((key) => {
    if (!Object.prototype.propertyIsEnumerable.call(two, key)) return false;
    return equal(Reflect.get(one, key), Reflect.get(two, key), strict, above);
  });
}
