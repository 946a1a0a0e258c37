// Headers: the fields of a request or a response (https://fetch.spec.whatwg.org/#headers-class).

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export type HeadersInit = Headers | Iterable<readonly [string, string]> | Record<string, string>;

export class Headers {
  readonly #fields = new Map<string, string[]>();

  constructor(init?: HeadersInit | null) {
    if (init === undefined || init === null) return;
    const pairs = Symbol.iterator in init ? init : Object.entries(init);
    for (const [name, value] of pairs as Iterable<readonly [string, string]>) this.append(name, value);
  }
  append(name: string, value: string): void {
    const key = normalizeName(name);
    this.#fields.set(key, [...(this.#fields.get(key) ?? []), normalizeValue(value)]);
  }
  set(name: string, value: string): void {
    this.#fields.set(normalizeName(name), [normalizeValue(value)]);
  }
  delete(name: string): void {
    this.#fields.delete(normalizeName(name));
  }
  get(name: string): string | null {
    return this.#fields.get(normalizeName(name))?.join(", ") ?? null;
  }
  has(name: string): boolean {
    return this.#fields.has(normalizeName(name));
  }
  getSetCookie(): string[] {
    return [...(this.#fields.get("set-cookie") ?? [])];
  }
  *entries(): IterableIterator<[string, string]> {
    for (const name of [...this.#fields.keys()].sort()) {
      const values = this.#fields.get(name) ?? [];
      if (name === "set-cookie") for (const value of values) yield [name, value];
      else yield [name, values.join(", ")];
    }
  }
  *keys(): IterableIterator<string> {
    for (const [name] of this.entries()) yield name;
  }
  *values(): IterableIterator<string> {
    for (const [, value] of this.entries()) yield value;
  }
  forEach(callback: (value: string, name: string, headers: Headers) => void, thisArg?: unknown): void {
    for (const [name, value] of this.entries()) callback.call(thisArg, value, name, this);
  }
  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }
}

function normalizeName(name: string): string {
  const text = String(name);
  if (!token.test(text)) throw new TypeError(`"${text.slice(0, 40)}" is no header name`);
  return text.toLowerCase();
}

function normalizeValue(value: string): string {
  const text = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  if (/[\0\r\n]|[^\0-\xff]/.test(text)) throw new TypeError("a header value has a character that HTTP can't carry");
  return text;
}
