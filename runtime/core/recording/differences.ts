// In what two JSON values differ: the places by JSON Pointer (RFC 6901), with what stands there on either side.
import { escapeLine } from "../../model/error.ts";

export interface Difference {
  /** JSON Pointer; "" is the whole. */
  path: string;
  /** On one line, cut; null where nothing stands. */
  recorded: string | null;
  replayed: string | null;
}

const valueCharsMax = 160;
const levelsMax = 80;

/** The first `countMax`, in the order of the recorded value. */
export function differences(recorded: unknown, replayed: unknown, countMax: number): Difference[] {
  const found: Difference[] = [];
  compare(recorded, replayed, "", found, countMax, 0);
  return found;
}

function compare(a: unknown, b: unknown, path: string, found: Difference[], countMax: number, level: number): void {
  if (found.length >= countMax || Object.is(a, b)) return;
  const keys = level < levelsMax ? keysOf(a, b) : undefined;
  if (keys === undefined) {
    if (textOf(a) !== textOf(b)) found.push({ path, recorded: textOf(a), replayed: textOf(b) });
    return;
  }
  for (const key of keys) {
    const inner = `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    compare(own(a, key), own(b, key), inner, found, countMax, level + 1);
  }
}

/** Of both, when both are lists or both are objects. */
function keysOf(a: unknown, b: unknown): string[] | undefined {
  const isPlain = (each: unknown): each is object => typeof each === "object" && each !== null;
  if (!isPlain(a) || !isPlain(b) || Array.isArray(a) !== Array.isArray(b)) return undefined;
  return [...new Set([...Object.keys(a), ...Object.keys(b)])];
}

function own(value: unknown, key: string): unknown {
  return Object.hasOwn(value as object, key) ? (value as Record<string, unknown>)[key] : undefined;
}

function textOf(value: unknown): string | null {
  return value === undefined ? null : escapeLine(JSON.stringify(value), valueCharsMax);
}
