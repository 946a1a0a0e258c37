// Cryptography for the guest (guest/crypto.ts), by Node's Web Cryptography. Keys live in here, in a table with a bound; the
// guest holds their numbers. They are the job's own, and die with this process.
import type { ServiceArguments } from "../protocol/services.ts";
import type { ServiceAnswer, Services } from "./services.ts";

/** Keys of one run at once: a few hundred bytes each, and as many as a job that keeps all it makes would notice. */
export const keysMax = 10_000;

const mark = "$"; // as in guest/crypto-wire.ts

type Node = null | boolean | number | string | Node[] | { [key: string]: Node };
type Subtle = Record<string, (...args: unknown[]) => Promise<unknown>>;

const methods = [
  ...["encrypt", "decrypt", "sign", "verify", "digest", "generateKey", "deriveKey", "deriveBits"],
  ...["importKey", "exportKey", "wrapKey", "unwrapKey"],
  ...["encapsulateKey", "encapsulateBits", "decapsulateKey", "decapsulateBits", "getPublicKey"],
];

/** @param load gives `subtle`, which most runs don't need. */
export function makeCryptoServices(load: () => object): Services {
  const keys = new Map<number, CryptoKey>();
  let nextId = 1;

  function keep(key: CryptoKey): number {
    if (keys.size >= keysMax) throw new RangeError(`more than ${keysMax} keys at once`);
    keys.set(nextId, key);
    nextId += 1;
    return nextId - 1;
  }

  function decode(node: Node, bytes: Uint8Array): unknown {
    if (typeof node !== "object" || node === null) return node;
    if (Array.isArray(node)) return node.map((item) => decode(item, bytes));
    if (node[mark] === "undefined") return undefined;
    if (node[mark] === "number") return Number(node.text);
    if (node[mark] === "key") return keys.get(Number(node.id)) ?? {};
    if (node[mark] === "bytes") return viewOf(node, bytes);
    const object: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(node))
      Object.defineProperty(object, key, {
        value: decode(value, bytes),
        enumerable: true,
        writable: true,
        configurable: true,
      });
    return object;
  }

  function encode(value: unknown, out: { bytes: Uint8Array[]; at: number }): Node {
    if (value === undefined) return { [mark]: "undefined" };
    if (value === null || typeof value !== "object") return value as Node;
    if (value instanceof CryptoKey) return describe(value, keep(value), out);
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
      const isBuffer = value instanceof ArrayBuffer;
      const piece = isBuffer ? new Uint8Array(value) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      out.bytes.push(piece);
      out.at += piece.length;
      return { [mark]: "bytes", at: out.at - piece.length, length: piece.length, shape: isBuffer ? "buffer" : "view" };
    }
    if (Array.isArray(value)) return value.map((item) => encode(item, out));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, encode(item, out)]));
  }

  function describe(key: CryptoKey, id: number, out: { bytes: Uint8Array[]; at: number }): Node {
    const { type, extractable, algorithm, usages } = key;
    return { [mark]: "key", id, type, extractable, algorithm: encode({ ...algorithm }, out), usages: [...usages] };
  }

  return {
    forget: () => keys.clear(),
    atOnce: {
      "subtle.forget": ({ id }) => ({ value: keys.delete(Number(id)) }),
      "subtle.supports": ({ args }, bytes) => {
        if (!Array.isArray(args)) throw new TypeError("no such method");
        const Subtle = (load() as { constructor: { supports(...args: unknown[]): boolean } }).constructor;
        const [operation, algorithm, more] = args.map((arg: Node) => decode(arg, bytes));
        const rest = more === undefined ? [] : [more];
        return { value: Subtle.supports(operation, algorithm, ...rest) };
      },
    },
    later: {
      async subtle({ method, args }: ServiceArguments, bytes): Promise<ServiceAnswer> {
        const name = String(method);
        const subtle = load() as Subtle;
        const call = methods.includes(name) ? subtle[name] : undefined;
        if (call === undefined || !Array.isArray(args)) throw new TypeError("no such method");
        const given = args.map((arg: Node) => decode(arg, bytes));
        const out = { bytes: [] as Uint8Array[], at: 0 };
        const value = encode(await Reflect.apply(call, subtle, given), out);
        return { value, bytes: Buffer.concat(out.bytes) };
      },
    },
  };
}

const views: Readonly<Record<string, (buffer: ArrayBuffer) => object>> = {
  buffer: (buffer) => buffer,
  DataView: (buffer) => new DataView(buffer),
  Int8Array: (buffer) => new Int8Array(buffer),
  Uint8Array: (buffer) => new Uint8Array(buffer),
  Uint8ClampedArray: (buffer) => new Uint8ClampedArray(buffer),
  Int16Array: (buffer) => new Int16Array(buffer),
  Uint16Array: (buffer) => new Uint16Array(buffer),
  Int32Array: (buffer) => new Int32Array(buffer),
  Uint32Array: (buffer) => new Uint32Array(buffer),
  Float32Array: (buffer) => new Float32Array(buffer),
  Float64Array: (buffer) => new Float64Array(buffer),
  BigInt64Array: (buffer) => new BigInt64Array(buffer),
  BigUint64Array: (buffer) => new BigUint64Array(buffer),
};

function viewOf(node: { [key: string]: Node }, bytes: Uint8Array): object {
  const at = Number(node.at);
  const piece = bytes.slice(at, at + Number(node.length));
  const make = Object.hasOwn(views, String(node.shape)) ? views[String(node.shape)] : undefined;
  return make === undefined ? piece : make(piece.buffer as ArrayBuffer);
}
