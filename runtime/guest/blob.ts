// Blob and File (https://w3c.github.io/FileAPI/): bytes that don't change, shared by whatever is sliced from them.

import { clock } from "./clock.ts";
import { decodeUtf8, encodeUtf8 } from "./encoding.ts";
import { streams } from "./streams.ts";
import { addCloneable } from "./structured-clone.ts";
import { asInterface, isObject, requireArguments, toClampedIndex, toDictionary, toUsvString } from "./webidl.ts";

type Part = { readonly bytes: Uint8Array };

const pieceBytes = 65_536;

export class Blob {
  #parts: readonly Part[];
  #size: number;
  #type: string;

  constructor(parts?: Iterable<unknown>, options?: { type?: string; endings?: string }) {
    const list = parts === undefined ? [] : sequence(parts, "a Blob's parts");
    const { endings = "transparent", type = "" } = readBag(options);
    this.#parts = list.flatMap((part) => partsOf(part, endings === "native")).filter(({ bytes }) => bytes.length > 0);
    this.#size = this.#parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#type = normalizeType(type);
  }
  get size(): number {
    return this.#size;
  }
  get type(): string {
    return this.#type;
  }
  slice(
    start: number | undefined = undefined,
    end: number | undefined = undefined,
    contentType: string | undefined = undefined,
  ): Blob {
    const from = relative(start === undefined ? 0 : toClampedIndex(start), this.#size);
    const to = relative(end === undefined ? this.#size : toClampedIndex(end), this.#size);
    const type = contentType === undefined ? "" : normalizeType(String(contentType));
    return made(cut(this.#parts, from, Math.max(from, to)), type);
  }
  stream(): object {
    const parts = this.#parts;
    let index = 0;
    let at = 0;
    const { ReadableStream } = streams();
    return new ReadableStream(
      {
        type: "bytes",
        pull(controller) {
          const part = parts[index]?.bytes;
          if (part === undefined) {
            controller.close();
            controller.byobRequest?.respond(0);
            return;
          }
          controller.enqueue(part.slice(at, at + pieceBytes));
          at += pieceBytes;
          if (at >= part.length) [index, at] = [index + 1, 0];
        },
      },
      { highWaterMark: 0 },
    );
  }
  async text(): Promise<string> {
    return decodeUtf8(whole(this.#parts, this.#size));
  }
  async arrayBuffer(): Promise<ArrayBuffer> {
    return whole(this.#parts, this.#size).buffer as ArrayBuffer;
  }
  async bytes(): Promise<Uint8Array> {
    return whole(this.#parts, this.#size);
  }

  static isOne(value: unknown): value is Blob {
    return typeof value === "object" && value !== null && #parts in value;
  }
  static partsOf(blob: Blob): readonly Part[] {
    return blob.#parts;
  }
  static made(parts: readonly Part[], type: string): Blob {
    const blob = new Blob();
    blob.#parts = parts;
    blob.#size = parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
    blob.#type = type;
    return blob;
  }
  static fill(blob: Blob, from: Blob): void {
    blob.#parts = from.#parts;
    blob.#size = from.#size;
    blob.#type = from.#type;
  }
}

const { isOne: isBlob, partsOf: partsIn, made, fill } = Blob;
for (const name of ["isOne", "partsOf", "made", "fill"]) Reflect.deleteProperty(Blob, name);
Object.defineProperty(Blob, "length", { value: 0, configurable: true });
asInterface("Blob", Blob);

export { isBlob };

/** All bytes of it, at once: for whoever sends it. */
export function bytesOfBlob(blob: Blob): Uint8Array {
  return whole(partsIn(blob), blob.size);
}

export class File extends Blob {
  readonly #name: string;
  readonly #lastModified: number;

  constructor(parts: Iterable<unknown>, name: string, options: { type?: string; lastModified?: number } = {}) {
    requireArguments(arguments.length, 2, "a File");
    const list = sequence(parts, "a File's parts");
    const text = toUsvString(name);
    super(list, options);
    this.#name = text;
    const { lastModified } = toDictionary(options, "a File's options");
    this.#lastModified = lastModified === undefined ? clock.nowMs() : Math.trunc(Number(lastModified)) || 0;
  }
  get name(): string {
    return this.#name;
  }
  get lastModified(): number {
    return this.#lastModified;
  }
  static override isOne(value: unknown): value is File {
    return typeof value === "object" && value !== null && #name in value;
  }
}
export const isFile = File.isOne;
Reflect.deleteProperty(File, "isOne");
asInterface("File", File);

addCloneable({
  isOne: (value) => isBlob(value),
  clone(value) {
    const blob = value as Blob;
    if (!isFile(blob)) return made(partsIn(blob), blob.type);
    const copy = new File([], blob.name, { lastModified: blob.lastModified });
    fill(copy, blob);
    return copy;
  },
});

function sequence(value: unknown, what: string): unknown[] {
  const begin = isObject(value) ? (value as { [Symbol.iterator]?: unknown })[Symbol.iterator] : undefined;
  if (typeof begin !== "function") throw new TypeError(`${what} are no sequence`);
  // The iterator is asked for once, and texts are converted as they are met: both can be observed.
  const parts: unknown[] = [];
  for (const part of { [Symbol.iterator]: () => Reflect.apply(begin, value, []) as Iterator<unknown> })
    parts.push(isBlob(part) || part instanceof ArrayBuffer || ArrayBuffer.isView(part) ? part : toUsvString(part));
  return parts;
}

function readBag(options: unknown): { endings?: string; type?: string } {
  const bag = toDictionary(options, "a Blob's options");
  const endings = bag.endings === undefined ? "transparent" : String(bag.endings);
  if (endings !== "transparent" && endings !== "native")
    throw new TypeError("a Blob's endings are transparent or native");
  return { endings, type: bag.type === undefined ? "" : String(bag.type) };
}

function partsOf(part: unknown, native: boolean): Part[] {
  if (isBlob(part)) return [...partsIn(part)];
  if (part instanceof ArrayBuffer) return [{ bytes: new Uint8Array(part.slice(0)) }];
  if (ArrayBuffer.isView(part))
    return [{ bytes: new Uint8Array(part.buffer, part.byteOffset, part.byteLength).slice() }];
  const text = part as string;
  return [{ bytes: encodeUtf8(native ? text.replace(/\r\n?/g, "\n") : text) }];
}

function normalizeType(type: string): string {
  return /^[\x20-\x7e]*$/.test(type) ? type.toLowerCase() : "";
}

function relative(index: number, size: number): number {
  return index < 0 ? Math.max(size + index, 0) : Math.min(index, size);
}

function cut(parts: readonly Part[], from: number, to: number): Part[] {
  const found: Part[] = [];
  let at = 0;
  for (const { bytes } of parts) {
    const piece = bytes.subarray(Math.max(0, from - at), Math.max(0, to - at));
    if (piece.length > 0) found.push({ bytes: piece });
    at += bytes.length;
  }
  return found;
}

function whole(parts: readonly Part[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let at = 0;
  for (const { bytes } of parts) {
    all.set(bytes, at);
    at += bytes.length;
  }
  return all;
}
