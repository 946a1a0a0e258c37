// Cipheriv and Decipheriv. Their state lies in the executor; what is put in goes there at once, and what comes out is given
// back at once, as Node does.
import { Buffer, bufferOver, bytesOf, given } from "./buffer.ts";
import { secretFor } from "./crypto-keys.ts";
import { compute, nodeError, wrongType } from "./errors.ts";
import { Transform } from "./stream.ts";
import { StringDecoder } from "./string_decoder.ts";

type Callback = (error?: unknown, chunk?: unknown) => void;

const callBytesMax = 8_388_608;

interface Options {
  authTagLength?: number;
}

class Streaming extends Transform {
  readonly #id: number;
  #decoder: StringDecoder | undefined;
  #isFinal = false;
  protected tag: Buffer | undefined;

  constructor(decrypt: boolean, algorithm: string, key: unknown, iv: unknown, options: Options = {}) {
    super(options);
    if (typeof algorithm !== "string") throw wrongType("cipher", "of type string", algorithm);
    const secret = secretFor(key, "key");
    const vector = iv === null ? new Uint8Array(0) : bytesOf(iv, "iv");
    const args = { algorithm, decrypt, iv: iv !== null, authTagLength: options.authTagLength };
    this.#id = compute("node.cipher.open", args, secret, vector).value as number;
  }

  #given(bytes: Uint8Array, encoding: string | undefined, last: boolean): Buffer | string {
    if (encoding === undefined || encoding === "buffer") return bufferOver(bytes);
    this.#decoder ??= new StringDecoder(encoding);
    return last ? this.#decoder.end(bytes) : this.#decoder.write(bytes);
  }
  #requireOpen(operation: string): void {
    if (this.#isFinal) throw nodeError(Error, "ERR_CRYPTO_INVALID_STATE", `Invalid state for operation ${operation}`);
  }

  update(data: unknown, inputEncoding?: string, outputEncoding?: string): Buffer | string {
    this.#requireOpen("update");
    const bytes = bytesOf(data, "data", inputEncoding);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length || at === 0; at += callBytesMax) {
      pieces.push(compute("node.cipher.update", { id: this.#id }, bytes.subarray(at, at + callBytesMax)).bytes);
    }
    return this.#given(pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces), outputEncoding, false);
  }
  final(outputEncoding?: string): Buffer | string {
    this.#requireOpen("final");
    this.#isFinal = true;
    const { value, bytes } = compute("node.cipher.final", { id: this.#id });
    const { tag } = value as { tag: string | null };
    if (tag !== null) this.tag = Buffer.from(tag, "base64");
    return this.#given(bytes, outputEncoding, true);
  }
  setAAD(bytes: unknown, options: { plaintextLength?: number; encoding?: string } = {}): this {
    const args = { id: this.#id, what: "aad", plaintextLength: options.plaintextLength };
    compute("node.cipher.set", args, bytesOf(bytes, "buffer", options.encoding));
    return this;
  }
  setAutoPadding(on = true): this {
    compute("node.cipher.set", { id: this.#id, what: "padding", on });
    return this;
  }
  protected setTag(tag: unknown, encoding?: string): void {
    compute("node.cipher.set", { id: this.#id, what: "tag" }, bytesOf(tag, "buffer", encoding));
  }
  override _transform(chunk: unknown, encoding: string, callback: Callback): void {
    this.push(this.update(chunk, encoding));
    callback();
  }
  override _flush(callback: Callback): void {
    let failure: unknown;
    try {
      this.push(this.final());
    } catch (error) {
      failure = error;
    }
    callback(failure);
  }
}

export class Cipheriv extends Streaming {
  constructor(algorithm: string, key: unknown, iv: unknown, options?: Options) {
    super(false, algorithm, key, iv, options);
  }
  getAuthTag(): Buffer {
    if (this.tag === undefined)
      throw nodeError(Error, "ERR_CRYPTO_INVALID_STATE", "Invalid state for operation getAuthTag");
    return given(this.tag, undefined) as Buffer;
  }
}

export class Decipheriv extends Streaming {
  constructor(algorithm: string, key: unknown, iv: unknown, options?: Options) {
    super(true, algorithm, key, iv, options);
  }
  setAuthTag(tag: unknown, encoding?: string): this {
    this.setTag(tag, encoding);
    return this;
  }
}

export const createCipheriv = (algorithm: string, key: unknown, iv: unknown, options?: Options) =>
  new Cipheriv(algorithm, key, iv, options);
export const createDecipheriv = (algorithm: string, key: unknown, iv: unknown, options?: Options) =>
  new Decipheriv(algorithm, key, iv, options);
