// A job's result becomes JSON text. Each property is read once, into a copy that has only data; what JSON can't carry
// is refused with the path to it, rather than dropped as JSON.stringify would.

const depthMax = 64; // deeper than any report; far from the stack's end

export type ResultJson = { ok: true; json: string } | { ok: false; kind: "shape" | "output"; message: string };

class NotJson extends Error {}

export function resultToJson(value: unknown, bytesMax: number): ResultJson {
  let json: string;
  try {
    json = JSON.stringify(value === undefined ? null : copy(value, "result", 0, new Set()));
  } catch (error) {
    const message = error instanceof NotJson ? error.message : "the result can't be read";
    return { ok: false, kind: "shape", message };
  }
  // UTF-8 takes at most three bytes a UTF-16 unit: count only when it may matter.
  if (json.length * 3 > bytesMax && utf8Length(json) > bytesMax) {
    return {
      ok: false,
      kind: "output",
      message: `the result is over ${bytesMax} bytes of JSON: write bulk to /output`,
    };
  }
  return { ok: true, json };
}

function copy(value: unknown, path: string, depth: number, above: Set<object>): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value;
    throw new NotJson(`${path} is ${value}: JSON has no such number`);
  }
  if (typeof value !== "object") throw new NotJson(`${path} is a ${typeof value}: the result must be JSON`);
  if (depth >= depthMax) throw new NotJson(`${path} is nested deeper than ${depthMax}`);
  if (above.has(value)) throw new NotJson(`${path} refers back to an object that contains it`);
  above.add(value);
  const copied = Array.isArray(value) ? copyArray(value, path, depth, above) : copyObject(value, path, depth, above);
  above.delete(value);
  return copied;
}

function copyArray(value: unknown[], path: string, depth: number, above: Set<object>): unknown[] {
  const copied: unknown[] = [];
  for (let index = 0; index < value.length; index += 1) {
    const item = value[index];
    copied.push(item === undefined ? null : copy(item, `${path}[${index}]`, depth + 1, above));
  }
  return copied;
}

function copyObject(value: object, path: string, depth: number, above: Set<object>): object {
  if (value instanceof Date) return value.toISOString() as unknown as object;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) {
    throw new NotJson(`${path} is a ${value.constructor?.name ?? "class instance"}: the result must be plain data`);
  }
  const copied = Object.create(null) as Record<string, unknown>;
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key];
    if (item !== undefined) copied[key] = copy(item, `${path}.${key.slice(0, 40)}`, depth + 1, above);
  }
  return copied;
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    // A surrogate pair is four bytes for two units; JSON.stringify has escaped the lone ones.
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : unit >= 0xd800 && unit < 0xe000 ? 2 : 3;
  }
  return bytes;
}
