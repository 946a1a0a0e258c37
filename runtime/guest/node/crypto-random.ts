// Random bytes, numbers and identifiers for node:crypto, from the guest's own generator.
import { Buffer } from "./buffer.ts";
import { callBack, outOfRange, requireCallback, wrongType } from "./errors.ts";
import { web } from "./web.ts";

const onceBytesMax = 65_536; // what getRandomValues gives at a time
const bytesMax = 2 ** 31 - 1;
const rangeMax = 2 ** 48 - 1;

function fillBytes(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += onceBytesMax) {
    web.crypto.getRandomValues(bytes.subarray(at, at + onceBytesMax));
  }
}

export function randomBytes(size: number): Buffer;
export function randomBytes(size: number, callback: (error: unknown, bytes: Buffer) => void): void;
export function randomBytes(size: number, callback?: unknown): Buffer | undefined {
  if (typeof size !== "number") throw wrongType("size", "of type number", size);
  if (!(size >= 0 && size <= bytesMax)) throw outOfRange("size", `>= 0 && <= ${bytesMax}`, size);
  if (callback !== undefined) requireCallback(callback);
  const bytes = Buffer.alloc(size);
  fillBytes(bytes);
  if (callback === undefined) return bytes;
  callBack(Promise.resolve(bytes), callback as (error: unknown) => void);
  return undefined;
}

type Fillable = ArrayBufferView | ArrayBuffer;

function sliceOf(target: Fillable, offset = 0, size?: number): Uint8Array {
  const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(target) ? target : new Uint8Array(target);
  const width = (target as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
  const start = offset * width;
  const length = size === undefined ? byteLength - start : size * width;
  if (!(start >= 0 && start <= byteLength)) throw outOfRange("offset", `>= 0 && <= ${byteLength}`, offset);
  if (!(length >= 0 && start + length <= byteLength))
    throw outOfRange("size + offset", `<= ${byteLength}`, start + length);
  return new Uint8Array(buffer, byteOffset + start, length);
}

export function randomFillSync<T extends Fillable>(target: T, offset?: number, size?: number): T {
  if (!ArrayBuffer.isView(target) && !(target instanceof ArrayBuffer))
    throw wrongType("buf", "an instance of ArrayBuffer or ArrayBufferView", target);
  fillBytes(sliceOf(target, offset, size));
  return target;
}

export function randomFill(target: Fillable, ...rest: unknown[]): void {
  const callback = rest.pop();
  requireCallback(callback);
  const [offset, size] = rest as number[];
  callBack(Promise.resolve(randomFillSync(target, offset, size)), callback);
}

/** From `min` to below `max`, each as likely as the others. */
export function randomInt(...args: unknown[]): number | undefined {
  const callback =
    typeof args.at(-1) === "function" ? (args.pop() as (error: unknown, value: number) => void) : undefined;
  const [min, max] = args.length < 2 ? [0, args[0]] : args;
  if (!Number.isSafeInteger(min)) throw wrongType("min", "a safe integer", min);
  if (!Number.isSafeInteger(max)) throw wrongType("max", "a safe integer", max);
  const [low, high] = [min as number, max as number];
  if (high <= low) throw outOfRange("max", `greater than the value of "min" (${low})`, high);
  const range = high - low;
  if (range > rangeMax) throw outOfRange("max - min", `<= ${rangeMax}`, range);
  const value = low + below(range);
  if (callback === undefined) return value;
  callBack(Promise.resolve(value), callback as (error: unknown) => void);
  return undefined;
}

function below(range: number): number {
  const limit = 2 ** 48 - (2 ** 48 % range);
  for (;;) {
    const value = randomBytes(6).readUIntBE(0, 6);
    if (value < limit) return value % range;
  }
}

export const randomUUID = () => web.crypto.randomUUID();
