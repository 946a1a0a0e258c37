// util.inspect and util.format, which are Node's own. The package copies the functions of every built-in object when it is
// evaluated, and takes for granted that there are Atomics, which jobs haven't (guest/globals.ts), and that an async generator
// is one, which it isn't where a bundle's async functions are lowered (async_hooks.ts). For that moment something empty
// stands in their places.
import type * as Extracted from "node-inspect-extracted";

declare const require: (name: "node-inspect-extracted") => typeof Extracted;

function standIn(target: object, name: string): () => void {
  if (name in target) return () => {};
  Object.defineProperty(target, name, { value: {}, configurable: true });
  return () => void Reflect.deleteProperty(target, name);
}

function evaluate(): typeof Extracted {
  const generators = Object.getPrototypeOf(async function* () {}) as object;
  const undo = [standIn(globalThis, "Atomics"), standIn(generators, "prototype")];
  try {
    return require("node-inspect-extracted");
  } finally {
    for (const each of undo) each();
  }
}

export const { format, formatWithOptions, inspect, stripVTControlCharacters } = evaluate();
