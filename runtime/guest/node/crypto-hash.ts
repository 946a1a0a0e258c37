// Hash and Hmac. Up to a chunk is kept here and digested by one call; what is longer goes to the executor as it comes, where
// the state lies.
import { Buffer, bytesOf, given } from "./buffer.ts";
import type { KeyObject } from "./crypto-keys.ts";
import { compute, nodeError, wrongType } from "./errors.ts";
import { Transform } from "./stream.ts";

const chunkBytesMax = 65_536;
/** One call; the executor takes no more at once. */
const callBytesMax = 8_388_608;

interface Parts {
  algorithm: string;
  key?: Uint8Array | undefined;
  outputLength?: number | undefined;
}

type Callback = (error?: unknown, chunk?: unknown) => void;

class Digest extends Transform {
  readonly #parts: Parts;
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  #id: number | undefined;
  #isFinal = false;

  constructor(parts: Parts, options: object = {}, id?: number, pieces: readonly Uint8Array[] = []) {
    super(options);
    this.#parts = parts;
    this.#id = id;
    this.#pieces = [...pieces];
    this.#pieceBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  }

  #args(): object {
    const { algorithm, key, outputLength } = this.#parts;
    return { algorithm, hmac: key !== undefined, ...(outputLength === undefined ? {} : { outputLength }) };
  }
  #key(): Uint8Array[] {
    return this.#parts.key === undefined ? [] : [this.#parts.key];
  }
  #send(): void {
    this.#id ??= compute("node.hash.open", this.#args(), ...this.#key()).value as number;
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#pieceBytes = 0;
    for (let at = 0; at < bytes.length; at += callBytesMax) {
      compute("node.hash.update", { id: this.#id }, bytes.subarray(at, at + callBytesMax));
    }
  }

  update(data: unknown, encoding?: string): this {
    if (this.#isFinal) throw alreadyFinal();
    const bytes = bytesOf(data, "data", encoding);
    this.#pieces.push(typeof data === "string" ? bytes : bytes.slice());
    this.#pieceBytes += bytes.length;
    if (this.#pieceBytes > chunkBytesMax) this.#send();
    return this;
  }
  digest(encoding?: string): Buffer | string {
    if (this.#isFinal) throw alreadyFinal();
    this.#isFinal = true;
    const answer =
      this.#id === undefined
        ? compute("node.hash", this.#args(), ...this.#key(), Buffer.concat(this.#pieces))
        : this.#finish(this.#id);
    this.#pieces = [];
    return given(answer.bytes, encoding);
  }
  #finish(id: number) {
    if (this.#pieceBytes > 0) this.#send();
    return compute("node.hash.digest", { id });
  }
  protected duplicate(options: object): Hash {
    if (this.#isFinal) throw alreadyFinal();
    const id = this.#id === undefined ? undefined : (compute("node.hash.copy", { id: this.#id }).value as number);
    return new Hash(this.#parts, options, id, this.#pieces);
  }
  override _transform(chunk: unknown, encoding: string, callback: Callback): void {
    this.update(chunk, encoding);
    callback();
  }
  override _flush(callback: Callback): void {
    this.push(this.digest());
    callback();
  }
}

export class Hash extends Digest {
  copy(options: object = {}): Hash {
    return this.duplicate(options);
  }
}

export class Hmac extends Digest {}

function alreadyFinal(): Error {
  return nodeError(Error, "ERR_CRYPTO_HASH_FINALIZED", "Digest already called");
}

/** Algorithms that the executor has taken once: the next digest needs no call before its data. */
const known = new Set<string>();

function requireAlgorithm(parts: Parts): void {
  const name = `${parts.key === undefined ? "" : "hmac "}${parts.algorithm}`;
  if (known.has(name) && parts.outputLength === undefined) return;
  const { algorithm, key, outputLength } = parts;
  const empty = new Uint8Array(0);
  compute(
    "node.hash",
    { algorithm, hmac: key !== undefined, ...(outputLength === undefined ? {} : { outputLength }) },
    ...(key === undefined ? [] : [empty]),
    empty,
  );
  known.add(name);
}

interface HashOptions {
  outputLength?: number;
}

export function createHash(algorithm: string, options: HashOptions = {}): Hash {
  if (typeof algorithm !== "string") throw wrongType("algorithm", "of type string", algorithm);
  const parts = { algorithm, outputLength: options.outputLength };
  requireAlgorithm(parts);
  return new Hash(parts, options);
}

export function createHmac(algorithm: string, key: unknown, options: object = {}): Hmac {
  if (typeof algorithm !== "string") throw wrongType("hmac", "of type string", algorithm);
  const secret = (key as KeyObject | null)?.secretBytes ?? bytesOf(key, "key");
  const parts = { algorithm, key: secret.slice() };
  requireAlgorithm(parts);
  return new Hmac(parts, options);
}

/** crypto.hash(algorithm, data[, encoding]). */
export function hash(algorithm: string, data: unknown, options: string | { outputEncoding?: string } = "hex"): unknown {
  const encoding = typeof options === "string" ? options : (options.outputEncoding ?? "hex");
  return createHash(algorithm).update(data).digest(encoding);
}

export function timingSafeEqual(one: ArrayBufferView, two: ArrayBufferView): boolean {
  const [a, b] = [bytesOfView(one, "buf1"), bytesOfView(two, "buf2")];
  if (a.length !== b.length) {
    throw nodeError(RangeError, "ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH", "Input buffers must have the same byte length");
  }
  let difference = 0;
  for (let index = 0; index < a.length; index += 1) difference |= (a[index] ?? 0) ^ (b[index] ?? 0);
  return difference === 0;
}

function bytesOfView(value: unknown, name: string): Uint8Array {
  if (typeof value === "string")
    throw wrongType(name, "an instance of ArrayBuffer, Buffer, TypedArray, or DataView", value);
  return bytesOf(value, name);
}
