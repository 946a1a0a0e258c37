// What a call of subtle's is on its way to the executor and back: a tree of JSON in which bytes are a place in one buffer
// beside it, and a key is its number. Algorithms are read once, member by member, in the isolate; what they mean is for
// Node to say.

export type Wire = null | boolean | number | string | Wire[] | WireObject;
interface WireObject {
  [key: string]: Wire | undefined;
}

/** Tells a node of the tree that is no object of the job's own. */
const mark = "$";

export interface KeyOnWire {
  id: number;
  type: string;
  extractable: boolean;
  algorithm: object;
  usages: string[];
}

const depthMax = 6; // of a JWK's and an algorithm's members; deeper is no input that any algorithm knows

/** @throws TypeError for what can't be an argument of subtle's. */
export function toWire(
  args: unknown[],
  idOf: (value: unknown) => number | undefined,
): { tree: Wire[]; bytes: Uint8Array } {
  const pieces: Uint8Array[] = [];
  let at = 0;

  function node(value: unknown, depth: number): Wire {
    if (value === undefined) return { [mark]: "undefined" };
    if (value === null || typeof value === "boolean" || typeof value === "string") return value;
    if (typeof value === "number") return Number.isFinite(value) ? value : { [mark]: "number", text: String(value) };
    if (typeof value !== "object") throw new TypeError(`a ${typeof value} is no argument here`);
    const key = idOf(value);
    if (key !== undefined) return { [mark]: "key", id: key };
    const bytes = bytesOf(value);
    if (bytes !== undefined) {
      pieces.push(bytes);
      at += bytes.length;
      const shape = value instanceof ArrayBuffer ? "buffer" : nameOf(value as ArrayBufferView);
      return { [mark]: "bytes", at: at - bytes.length, length: bytes.length, shape };
    }
    if (depth >= depthMax) throw new TypeError("an argument is nested too deep");
    if (Array.isArray(value)) return value.map((item) => node(item, depth + 1));
    return members(value, depth);
  }

  function members(value: object, depth: number): WireObject {
    const object: WireObject = {};
    // Inherited ones count: a dictionary's members are whatever `Get` finds.
    for (const key in value) {
      const member = (value as Record<string, unknown>)[key];
      if (member !== undefined && typeof member !== "function" && typeof member !== "symbol")
        object[key] = node(member, depth + 1);
    }
    return object;
  }

  // What is said of the algorithm is read before the data are copied: a getter of it may still change them.
  const tree: Wire[] = [];
  for (const isLater of [false, true]) {
    for (const [index, arg] of args.entries()) if (isLater === isBytes(arg)) tree[index] = node(arg, 0);
  }
  const bytes = new Uint8Array(at);
  let to = 0;
  for (const piece of pieces) {
    bytes.set(piece, to);
    to += piece.length;
  }
  return { tree, bytes };
}

function isBytes(value: unknown): boolean {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
}

function bytesOf(value: object): Uint8Array | undefined {
  const buffer = ArrayBuffer.isView(value) ? value.buffer : value;
  if (buffer instanceof ArrayBuffer && buffer.detached) return new Uint8Array(0);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
  return value instanceof ArrayBuffer ? new Uint8Array(value.slice(0)) : undefined;
}

const viewName = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)?.get;

function nameOf(view: ArrayBufferView): string {
  return Reflect.apply(viewName as () => string | undefined, view, []) ?? "DataView";
}

/** The answer, with keys made anew in this isolate. */
export function fromWire(tree: Wire, bytes: Uint8Array, keyOf: (key: KeyOnWire) => object): unknown {
  if (typeof tree !== "object" || tree === null) return tree;
  const inner = (item: Wire) => fromWire(item, bytes, keyOf);
  if (Array.isArray(tree)) return tree.map(inner);
  if (tree[mark] === "undefined") return undefined;
  if (tree[mark] === "bytes") {
    const from = tree.at as number;
    const piece = bytes.slice(from, from + (tree.length as number));
    return tree.shape === "buffer" ? piece.buffer : piece;
  }
  const object: Record<string, unknown> = {};
  for (const key of Object.keys(tree)) if (key !== mark) object[key] = inner(tree[key] as Wire);
  return tree[mark] === "key" ? keyOf(object as unknown as KeyOnWire) : object;
}
