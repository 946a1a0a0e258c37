// crypto (https://w3c.github.io/webcrypto/): random bytes come from the executor's generator, and all that needs a key is
// computed there, by Node. A key never enters the isolate: what a job holds as a CryptoKey is a number and a description.

import { fromWire, type KeyOnWire, toWire, type Wire } from "./crypto-wire.ts";
import { DOMException, QuotaExceededError } from "./dom-exception.ts";
import { tell } from "./mailbox.ts";
import { compute, computeLater, ServiceFailure } from "./services.ts";
import { addCloneable } from "./structured-clone.ts";
import { asInterface, requireArguments, toDomString } from "./webidl.ts";

const bytesMax = 65_536; // https://w3c.github.io/webcrypto/#Crypto-method-getRandomValues
const makeKey = Symbol("only subtle makes keys, and there is one crypto");

interface KeyParts {
  id: number;
  type: string;
  extractable: boolean;
  algorithm: object;
  usages: string[];
}

export class CryptoKey {
  readonly #parts: KeyParts;
  constructor(key: symbol | undefined = undefined, parts: KeyParts | undefined = undefined) {
    if (key !== makeKey || parts === undefined) throw new TypeError("Illegal constructor");
    this.#parts = parts;
  }
  get type(): string {
    return this.#parts.type;
  }
  get extractable(): boolean {
    return this.#parts.extractable;
  }
  get algorithm(): object {
    return this.#parts.algorithm;
  }
  get usages(): string[] {
    return this.#parts.usages;
  }
  static partsOf(value: unknown): KeyParts | undefined {
    return typeof value === "object" && value !== null && #parts in value ? value.#parts : undefined;
  }
}
const { partsOf } = CryptoKey;
Reflect.deleteProperty(CryptoKey, "partsOf");
asInterface("CryptoKey", CryptoKey);

// A key that nobody can reach any more is forgotten outside too; copies of it count on their own.
const held = new Map<number, number>();
const collected = new FinalizationRegistry<number>((id) => {
  const left = (held.get(id) ?? 1) - 1;
  if (left > 0) held.set(id, left);
  else if (held.delete(id)) compute("subtle.forget", { id });
});

function keyOf(parts: KeyParts): CryptoKey {
  const key = new CryptoKey(makeKey, parts);
  held.set(parts.id, (held.get(parts.id) ?? 0) + 1);
  collected.register(key, parts.id);
  return key;
}

addCloneable({
  isOne: (value) => partsOf(value) !== undefined,
  clone(value, inner) {
    const parts = partsOf(value) as KeyParts;
    return keyOf({ ...parts, algorithm: inner(parts.algorithm) as object, usages: [...parts.usages] });
  },
});

const idOf = (value: unknown): number | undefined => partsOf(value)?.id;
const made = (key: KeyOnWire): CryptoKey => keyOf(key);

/** Each with the number of arguments that it needs. */
const methods = {
  encrypt: 3,
  decrypt: 3,
  sign: 3,
  verify: 4,
  digest: 2,
  generateKey: 3,
  deriveKey: 5,
  deriveBits: 2,
  importKey: 5,
  exportKey: 2,
  wrapKey: 4,
  unwrapKey: 7,
  // Of the modern algorithms (https://wicg.github.io/webcrypto-modern-algos/), as far as Node has them.
  encapsulateKey: 5,
  encapsulateBits: 2,
  decapsulateKey: 6,
  decapsulateBits: 3,
  getPublicKey: 2,
} as const;

export class SubtleCrypto {
  constructor(key: symbol | undefined = undefined) {
    if (key !== makeKey) throw new TypeError("Illegal constructor");
  }
  static supports(operation: string, algorithm: unknown, more: unknown = undefined): boolean {
    requireArguments(arguments.length, 2, "SubtleCrypto.supports");
    const { tree, bytes } = toWire([toDomString(operation), algorithm, more], idOf);
    return compute("subtle.supports", { args: tree }, bytes).value as boolean;
  }
}

for (const [name, needed] of Object.entries(methods)) {
  // An async function with that name: what is wrong with its arguments rejects, as the standard has it for promises.
  const { [name]: method } = {
    async [name](this: unknown, ...args: unknown[]): Promise<unknown> {
      if (!(this instanceof SubtleCrypto)) throw new TypeError("Illegal invocation");
      requireArguments(args.length, needed, `subtle.${name}`);
      return ask(name, args);
    },
  };
  Object.defineProperty(method, "length", { value: needed, configurable: true });
  Object.defineProperty(SubtleCrypto.prototype, name, { value: method, writable: true, configurable: true });
}
asInterface("SubtleCrypto", SubtleCrypto);

async function ask(method: string, args: unknown[]): Promise<unknown> {
  const { tree, bytes } = toWire(args, idOf);
  try {
    const answer = await computeLater("subtle", { method, args: tree }, bytes);
    return fromWire(answer.value as Wire, answer.bytes, made);
  } catch (error) {
    if (!(error instanceof ServiceFailure)) throw error;
    if (error.kind === "TypeError") throw new TypeError(error.message);
    throw new DOMException(error.message, error.kind === "Error" ? "OperationError" : error.kind);
  }
}

function random(count: number): Uint8Array {
  const text = tell("random", String(count)) ?? "";
  const bytes = new Uint8Array(count);
  for (let index = 0; index < count; index += 1) bytes[index] = text.charCodeAt(index);
  return bytes;
}

const subtle = new SubtleCrypto(makeKey);
const floats = ["Float16Array", "Float32Array", "Float64Array", undefined];
const viewName = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)?.get;

export class Crypto {
  readonly #isOne = true;
  constructor(key: symbol | undefined = undefined) {
    if (key !== makeKey) throw new TypeError("Illegal constructor");
  }
  get subtle(): SubtleCrypto {
    if (!this.#isOne) throw new TypeError("Illegal invocation");
    return subtle;
  }
  getRandomValues<T extends ArrayBufferView>(array: T): T {
    requireArguments(arguments.length, 1, "getRandomValues");
    if (!this.#isOne || !ArrayBuffer.isView(array)) throw new TypeError("getRandomValues takes a view of a buffer");
    if (floats.includes(Reflect.apply(viewName as () => string | undefined, array, [])))
      throw new DOMException("getRandomValues takes an integer typed array.", "TypeMismatchError");
    if (array.byteLength > bytesMax) {
      const message = `getRandomValues gives at most ${bytesMax} bytes, asked for ${array.byteLength}.`;
      throw new QuotaExceededError(message); // without its figures, as the standard has it
    }
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(random(array.byteLength));
    return array;
  }
  /** RFC 9562, version 4. */
  randomUUID(): string {
    const bytes = random(this.#isOne ? 16 : 0);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    let hex = "";
    for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  }
}
asInterface("Crypto", Crypto);

export const crypto = new Crypto(makeKey);
