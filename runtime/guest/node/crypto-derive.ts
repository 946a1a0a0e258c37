// pbkdf2, scrypt and hkdf: computed in the executor, at once or on its threads.
import { Buffer, bufferOver, bytesOf } from "./buffer.ts";
import { secretFor } from "./crypto-keys.ts";
import { callBack, compute, computeLater, outOfRange, requireCallback, wrongType } from "./errors.ts";

const bytesMax = 2 ** 31 - 1;

interface Request {
  name: string;
  args: object;
  parts: Uint8Array[];
}

function requireInteger(name: string, value: unknown, min: number): asserts value is number {
  if (typeof value !== "number") throw wrongType(name, "of type number", value);
  if (!Number.isInteger(value)) throw outOfRange(name, "an integer", value);
  if (value < min || value > bytesMax) throw outOfRange(name, `>= ${min} && <= ${bytesMax}`, value);
}

function pbkdf2Of(password: unknown, salt: unknown, iterations: unknown, keylen: unknown, digest: unknown): Request {
  if (typeof digest !== "string") throw wrongType("digest", "of type string", digest);
  const parts = [secretFor(password, "password"), bytesOf(salt, "salt")];
  requireInteger("iterations", iterations, 1);
  requireInteger("keylen", keylen, 0);
  return { name: "node.pbkdf2", args: { iterations, bytes: keylen, digest }, parts };
}

interface ScryptOptions {
  N?: number;
  cost?: number;
  r?: number;
  blockSize?: number;
  p?: number;
  parallelization?: number;
  maxmem?: number;
}

function scryptOf(password: unknown, salt: unknown, keylen: unknown, options: ScryptOptions = {}): Request {
  const parts = [secretFor(password, "password"), bytesOf(salt, "salt")];
  requireInteger("keylen", keylen, 0);
  const { N = options.cost, r = options.blockSize, p = options.parallelization, maxmem } = options;
  return { name: "node.scrypt", args: { N, r, p, maxmem, bytes: keylen }, parts };
}

function hkdfOf(digest: unknown, key: unknown, salt: unknown, info: unknown, keylen: unknown): Request {
  if (typeof digest !== "string") throw wrongType("digest", "of type string", digest);
  const parts = [secretFor(key, "ikm"), bytesOf(salt, "salt")];
  requireInteger("length", keylen, 0);
  const args = { digest, info: Buffer.from(bytesOf(info, "info")).toString("base64"), bytes: keylen };
  return { name: "node.hkdf", args, parts };
}

function atOnce({ name, args, parts }: Request): Buffer {
  return bufferOver(compute(name, args, ...parts).bytes);
}

function later({ name, args, parts }: Request, callback: unknown): void {
  requireCallback(callback);
  callBack(
    computeLater(name, args, ...parts).then(({ bytes }) => bufferOver(bytes)),
    callback,
  );
}

const exact = (buffer: Buffer) => buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);

export const pbkdf2Sync = (...args: [unknown, unknown, unknown, unknown, unknown]) => atOnce(pbkdf2Of(...args));

export function pbkdf2(
  password: unknown,
  salt: unknown,
  iterations: unknown,
  keylen: unknown,
  digest: unknown,
  callback: unknown,
): void {
  later(pbkdf2Of(password, salt, iterations, keylen, digest), callback);
}

export const scryptSync = (password: unknown, salt: unknown, keylen: unknown, options?: ScryptOptions) =>
  atOnce(scryptOf(password, salt, keylen, options));

export function scrypt(password: unknown, salt: unknown, keylen: unknown, ...rest: unknown[]): void {
  const callback = rest.pop();
  later(scryptOf(password, salt, keylen, rest[0] as ScryptOptions | undefined), callback);
}

export const hkdfSync = (...args: [unknown, unknown, unknown, unknown, unknown]) => exact(atOnce(hkdfOf(...args)));

export function hkdf(
  digest: unknown,
  key: unknown,
  salt: unknown,
  info: unknown,
  keylen: unknown,
  callback: unknown,
): void {
  requireCallback(callback);
  const { name, args, parts } = hkdfOf(digest, key, salt, info, keylen);
  callBack(
    computeLater(name, args, ...parts).then(({ bytes }) => exact(bufferOver(bytes))),
    callback,
  );
}
