// What a job has not, and no module can give it: sockets, processes, threads, code from text. Packages often import such a
// module and never use it, so the import goes through, and the use throws an error that names what was used and what to use
// instead.

export const unsupportedCode = "ERR_MAYFLY_UNSUPPORTED";

/** `what` is a module's member, as in `net.connect`; `instead` says what a job does in its place. */
export function unsupported(what: string, instead: string): Error & { code: string } {
  const error = new Error(`${what} isn't available in a job: ${instead}`);
  Object.defineProperty(error, "name", { value: "MayflyUnsupportedError", configurable: true, writable: true });
  return Object.assign(error, { code: unsupportedCode });
}

/** A function and a class, for either use: it throws when it is called, constructed, or extended and then constructed. */
export function refusing(what: string, instead: string): () => never {
  const name = what.slice(what.lastIndexOf(".") + 1);
  // No arrow function: packages extend such classes when they are loaded.
  function refuse(): never {
    throw unsupported(what, instead);
  }
  return Object.defineProperty(refuse, "name", { value: name, configurable: true });
}

export function refusingAll(module: string, instead: string, names: readonly string[]): Record<string, () => never> {
  return Object.fromEntries(names.map((name) => [name, refusing(`${module}.${name}`, instead)]));
}

/** Asked of any object by the language and by bundlers: a module has none of them. */
const neverMembers = new Set(["then", "default", "__esModule", "toJSON", "prototype"]);

/**
 * The whole of a module that jobs haven't: every name leads to a function that refuses, apart from the `offered` ones. The
 * names come from a prototype, where a copy of the module's own properties finds them too.
 */
export function refusedModule(module: string, instead: string, offered: object = {}): object {
  const made = new Map<string, () => never>();
  const names = new Proxy(Object.create(null), {
    get(_, name) {
      if (typeof name !== "string" || neverMembers.has(name)) return undefined;
      if (name in Object.prototype) return Reflect.get(Object.prototype, name);
      const known = made.get(name) ?? refusing(`${module}.${name}`, instead);
      made.set(name, known);
      return known;
    },
    getPrototypeOf: () => Object.prototype,
  });
  return Object.create(names, Object.getOwnPropertyDescriptors(offered)) as object;
}
