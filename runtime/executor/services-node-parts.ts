// What the services for `node:*` have in common: byte strings that come joined, a bound on what one call takes, states that
// outlive a call in a table of bounded size, and errors told as Node made them, without their stack.
import type { ServiceArguments } from "../protocol/services.ts";
import type { LaterService, Service, ServiceAnswer } from "./services.ts";

/** Of one call, bytes, in and out: what a frame carries. More is streamed. */
export const callBytesMax = 16_777_216;

const partsMax = 8;

export class LimitError extends RangeError {
  readonly code = "ERR_MAYFLY_LIMIT";
}

/** The byte strings of a call; their lengths stand in `args.lengths`. */
export function partsOf(args: ServiceArguments, bytes: Uint8Array): Uint8Array[] {
  const { lengths } = args;
  if (!Array.isArray(lengths) || lengths.length > partsMax) throw new TypeError("lengths of byte strings are missing");
  let at = 0;
  const parts = lengths.map((length: unknown) => {
    if (!Number.isSafeInteger(length) || (length as number) < 0) throw new TypeError("a length is none");
    at += length as number;
    return bytes.subarray(at - (length as number), at);
  });
  if (at !== bytes.length) throw new TypeError("lengths and bytes differ");
  return parts;
}

export function requireWithin(what: string, found: number, max: number): void {
  if (!(found <= max)) throw new LimitError(`${what}: ${found}, of at most ${max} in a job`);
}

export function textOf(value: unknown): string {
  if (typeof value !== "string" || value.length > 65_536) throw new TypeError("a text is missing");
  return value;
}

export function bytesOf(value: unknown): Buffer {
  return Buffer.from(textOf(value), "base64");
}

/** Keys with a value only, for options that Node tells from absent ones. */
export function given<T extends object>(options: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined && value !== null)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

export interface Kept<T> {
  keep(value: T): number;
  get(id: unknown): T;
  drop(id: unknown): void;
}

const tables: { clear(): void }[] = [];

/** Empties all of them: their guest has ended. */
export function forgetKept(): void {
  for (const table of tables) table.clear();
}

/**
 * States by number. A guest can't say that it has forgotten one, so where `max` are kept, the one that was not used for
 * longest gives way; whoever uses it then is told so.
 */
export function makeKept<T>(what: string, max: number, end: (value: T) => void = () => {}): Kept<T> {
  const kept = new Map<number, T>();
  let next = 1;
  tables.push({ clear: () => [...kept.keys()].forEach(drop) });
  function drop(id: unknown): void {
    const value = kept.get(Number(id));
    if (value === undefined) return;
    kept.delete(Number(id));
    end(value);
  }
  return {
    keep(value) {
      if (kept.size >= max) drop(kept.keys().next().value);
      const id = next;
      next += 1;
      kept.set(id, value);
      return id;
    },
    get(id) {
      const value = kept.get(Number(id));
      if (value === undefined)
        throw new LimitError(
          `this ${what} is gone: ${max} are kept, and the one that was used least recently gives way`,
        );
      kept.delete(Number(id));
      kept.set(Number(id), value);
      return value;
    },
    drop,
  };
}

const detailNames = ["reason", "library", "function", "errno"];
const detailCharsMax = 400;

function tell(thrown: unknown): ServiceAnswer {
  const error = thrown instanceof Error ? thrown : new Error("failed");
  const { code, ...rest } = error as unknown as { code?: unknown } & Record<string, unknown>;
  const details = detailNames.flatMap((name) => {
    const value = rest[name];
    if (typeof value === "number") return [[name, value]];
    return typeof value === "string" ? [[name, value.slice(0, detailCharsMax)]] : [];
  });
  return {
    value: {
      error: {
        ...Object.fromEntries(details),
        name: String(error.name).slice(0, 64),
        message: String(error.message).slice(0, detailCharsMax),
        ...(typeof code === "string" ? { code: code.slice(0, 64) } : {}),
      },
    },
  };
}

/** Its failure is an answer too, so that a code comes along on either way. */
export function told(service: Service): Service {
  return (args, bytes) => {
    try {
      requireWithin("bytes of one call", bytes.length, callBytesMax);
      return service(args, bytes);
    } catch (thrown) {
      return tell(thrown);
    }
  };
}

export function toldLater(service: LaterService): LaterService {
  return async (args, bytes) => {
    try {
      requireWithin("bytes of one call", bytes.length, callBytesMax);
      return await service(args, bytes);
    } catch (thrown) {
      return tell(thrown);
    }
  };
}
