// Errors as Node makes them: a code, and the code in the stack's first line. Messages are Node's where programs read them.
import type { Answer } from "../mailbox.ts";
import { host } from "./host.ts";

type ErrorType = new (message: string) => Error;

export function nodeError(Base: ErrorType, code: string, message: string): Error & { code: string } {
  const error = new Base(message);
  Object.defineProperty(error, "code", { value: code, writable: true, enumerable: true, configurable: true });
  const { stack } = error;
  Object.defineProperty(error, "stack", {
    value: typeof stack === "string" ? stack.replace(/^(\w+)(?=:|\n|$)/, `$1 [${code}]`) : stack,
    writable: true,
    configurable: true,
  });
  return error as Error & { code: string };
}

/** @returns an ERR_INVALID_ARG_TYPE. `needed` as in `of type string`. */
export function wrongType(name: string, needed: string, found: unknown): Error {
  const kind = name.includes(".") ? "property" : "argument";
  return nodeError(
    TypeError,
    "ERR_INVALID_ARG_TYPE",
    `The "${name}" ${kind} must be ${needed}. Received ${received(found)}`,
  );
}

export function outOfRange(name: string, needed: string, found: unknown): Error {
  const shown = typeof found === "number" || typeof found === "bigint" ? grouped(found) : received(found);
  return nodeError(
    RangeError,
    "ERR_OUT_OF_RANGE",
    `The value of "${name}" is out of range. It must be ${needed}. Received ${shown}`,
  );
}

export function wrongValue(name: string, found: unknown, reason = "is invalid"): Error {
  const kind = name.includes(".") ? "property" : "argument";
  const shown = typeof found === "string" ? quoted(found) : String(found);
  return nodeError(TypeError, "ERR_INVALID_ARG_VALUE", `The ${kind} '${name}' ${reason}. Received ${shown}`);
}

function grouped(value: number | bigint): string {
  const text = String(value);
  const digits = /^(-?)(\d+)$/.exec(text);
  if (digits === null || Math.abs(Number(value)) <= 2 ** 32) return text;
  return `${digits[1]}${(digits[2] ?? "").replace(/\B(?=(?:\d{3})+$)/g, "_")}${typeof value === "bigint" ? "n" : ""}`;
}

function received(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "function") return `function ${value.name}`;
  if (typeof value === "object") {
    const name = value.constructor?.name;
    return name ? `an instance of ${name}` : "[Object: null prototype] {}";
  }
  const text = typeof value === "string" ? quoted(value) : typeof value === "bigint" ? `${value}n` : String(value);
  return `type ${typeof value} (${text.length > 28 ? `${text.slice(0, 25)}...` : text})`;
}

function quoted(text: string): string {
  return text.includes("'") ? JSON.stringify(text) : `'${text}'`;
}

interface Told {
  name: string;
  message: string;
  code?: string;
  [detail: string]: unknown;
}

const bases: Record<string, ErrorType> = { TypeError, RangeError, SyntaxError };

/** An error that the executor's Node threw, made anew in this realm from what it said of itself. */
function errorFrom({ name, message, code, ...details }: Told): Error {
  const Base = Object.hasOwn(bases, name) ? (bases[name] as ErrorType) : Error;
  const error = code?.startsWith("ERR_") ? nodeError(Base, code, message) : new Base(message);
  if (code !== undefined) Object.assign(error, { code });
  return Object.assign(error, details);
}

function checked(answer: Answer): Answer {
  const told = (answer.value as { error?: Told } | null)?.error;
  if (told !== undefined) throw errorFrom(told);
  return answer;
}

/** Several byte strings go as one, with their lengths. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** One of executor/services-node.ts's computations; throws what Node threw. */
export function compute(name: string, args: object, ...parts: Uint8Array[]): Answer {
  return checked(host.compute(name, { ...args, lengths: parts.map(({ length }) => length) }, joined(parts)));
}

export async function computeLater(name: string, args: object, ...parts: Uint8Array[]): Promise<Answer> {
  return checked(await host.computeLater(name, { ...args, lengths: parts.map(({ length }) => length) }, joined(parts)));
}

/** Calls back in Node's way, in a later turn; what the callback throws is nobody's to catch. */
export function callBack<T>(
  promise: Promise<T>,
  callback: (error: unknown, ...values: unknown[]) => void,
  spread: (value: T) => unknown[] = (value) => [value],
): void {
  promise.then(
    (value) => callback(null, ...spread(value)),
    (error: unknown) => callback(error),
  );
}

export function requireCallback(callback: unknown): asserts callback is (...args: unknown[]) => void {
  if (typeof callback !== "function") throw wrongType("callback", "of type function", callback);
}
