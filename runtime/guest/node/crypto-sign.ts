// Signatures, public-key encryption and key agreement for node:crypto, by keys that lie in the executor.
import { Buffer, bufferOver, bytesOf, given } from "./buffer.ts";
import { type KeyObject, keyFor } from "./crypto-keys.ts";
import { callBack, compute, wrongType } from "./errors.ts";
import { Writable } from "./stream.ts";

type Callback = (error?: unknown) => void;

function optionsOf(key: unknown): object {
  if (typeof key !== "object" || key === null) return {};
  const { padding, saltLength, dsaEncoding } = key as Record<string, unknown>;
  return { padding, saltLength, dsaEncoding };
}

function later<T>(make: () => T, callback: unknown): T | undefined {
  if (typeof callback !== "function") return make();
  const made = new Promise<T>((resolve) => resolve(make()));
  callBack(made, callback as (error: unknown, value: unknown) => void);
  return undefined;
}

function signWith(algorithm: unknown, bytes: Uint8Array, key: unknown): Buffer {
  const args = { ...optionsOf(key), algorithm: algorithm ?? null, key: keyFor("private", key) };
  return bufferOver(compute("node.sign", args, bytes).bytes);
}

function verifyWith(algorithm: unknown, bytes: Uint8Array, key: unknown, signature: Uint8Array): boolean {
  const args = { ...optionsOf(key), algorithm: algorithm ?? null, key: keyFor("public", key) };
  return compute("node.verify", args, signature, bytes).value as boolean;
}

export function sign(algorithm: unknown, data: unknown, key: unknown, callback?: unknown): Buffer | undefined {
  return later(() => signWith(algorithm, bytesOf(data, "data"), key), callback);
}

export function verify(
  algorithm: unknown,
  data: unknown,
  key: unknown,
  signature: unknown,
  callback?: unknown,
): boolean | undefined {
  return later(() => verifyWith(algorithm, bytesOf(data, "data"), key, bytesOf(signature, "signature")), callback);
}

/** What is signed is kept until the key is there. */
class Collecting extends Writable {
  protected readonly algorithm: string;
  #pieces: Uint8Array[] = [];

  constructor(algorithm: string, options?: object) {
    super(options);
    if (typeof algorithm !== "string") throw wrongType("algorithm", "of type string", algorithm);
    this.algorithm = algorithm;
  }
  update(data: unknown, encoding?: string): this {
    this.#pieces.push(bytesOf(data, "data", encoding).slice());
    return this;
  }
  protected collected(): Uint8Array {
    return Buffer.concat(this.#pieces);
  }
  override _write(chunk: unknown, encoding: string, callback: Callback): void {
    this.update(chunk, encoding);
    callback();
  }
}

export class Sign extends Collecting {
  sign(key: unknown, encoding?: string): Buffer | string {
    return given(signWith(this.algorithm, this.collected(), key), encoding);
  }
}

export class Verify extends Collecting {
  verify(key: unknown, signature: unknown, encoding?: string): boolean {
    return verifyWith(this.algorithm, this.collected(), key, bytesOf(signature, "signature", encoding));
  }
}

export const createSign = (algorithm: string, options?: object) => new Sign(algorithm, options);
export const createVerify = (algorithm: string, options?: object) => new Verify(algorithm, options);

const crypt = (operation: string, kind: "public" | "private") => (key: unknown, data: unknown) => {
  const { padding, oaepHash, oaepLabel } = (typeof key === "object" && key !== null ? key : {}) as Record<
    string,
    unknown
  >;
  const label =
    oaepLabel === undefined ? {} : { oaepLabel: Buffer.from(bytesOf(oaepLabel, "key.oaepLabel")).toString("base64") };
  const args = { operation, key: keyFor(kind, key), padding, oaepHash, ...label };
  return bufferOver(compute("node.crypt", args, bytesOf(data, "buffer")).bytes);
};

export const publicEncrypt = crypt("publicEncrypt", "public");
export const publicDecrypt = crypt("publicDecrypt", "public");
export const privateEncrypt = crypt("privateEncrypt", "private");
export const privateDecrypt = crypt("privateDecrypt", "private");

export function diffieHellman(pair: { privateKey: KeyObject; publicKey: KeyObject }): Buffer {
  const args = { privateKey: keyFor("private", pair.privateKey), publicKey: keyFor("public", pair.publicKey) };
  return bufferOver(compute("node.diffieHellman", args).bytes);
}

/** Elliptic curves in the older spelling. */
export class ECDH {
  readonly #curve: string;
  #privateKey: Uint8Array | undefined;
  #publicKey: Buffer | undefined;

  constructor(curve: string) {
    if (typeof curve !== "string") throw wrongType("curve", "of type string", curve);
    this.#curve = curve;
  }
  #ask(operation: string, ...parts: Uint8Array[]) {
    return compute("node.ecdh", { operation, curve: this.#curve }, ...parts);
  }
  #take({ value, bytes }: { value: unknown; bytes: Uint8Array }): void {
    this.#privateKey = bytes;
    this.#publicKey = Buffer.from((value as { publicKey: string }).publicKey, "base64");
  }
  generateKeys(encoding?: string): Buffer | string {
    this.#take(this.#ask("generate"));
    return this.getPublicKey(encoding);
  }
  setPrivateKey(key: unknown, encoding?: string): this {
    this.#take(this.#ask("public", bytesOf(key, "key", encoding)));
    return this;
  }
  getPrivateKey(encoding?: string): Buffer | string {
    return given(this.#privateKey ?? new Uint8Array(0), encoding);
  }
  getPublicKey(encoding?: string): Buffer | string {
    return given(this.#publicKey ?? new Uint8Array(0), encoding);
  }
  computeSecret(other: unknown, inputEncoding?: string, outputEncoding?: string): Buffer | string {
    const key = bytesOf(other, "otherPublicKey", inputEncoding);
    return given(this.#ask("compute", this.#privateKey ?? new Uint8Array(0), key).bytes, outputEncoding);
  }
}

export const createECDH = (curve: string) => new ECDH(curve);
