// How a credential looks when it gets out: the same text in the encodings in which programs print, send and store by
// habit. Pure; what of a text tells anything is leak-units.ts's, and finding it leak-scanner.ts's.
import { type Units, unitsOf, windowUnits } from "./leak-units.ts";

export const leakForms = [
  "raw",
  "json",
  "reversed",
  "hex",
  "percent",
  "double percent",
  "unicode escape",
  "utf-16",
  "decimal",
  "base64",
] as const;
export type LeakForm = (typeof leakForms)[number];

/** One text in one form. */
export interface Encoded {
  form: LeakForm;
  bytes: Uint8Array;
  /** What of it gives the text away: each window that tells something, in this form. */
  windows: readonly EncodedWindow[];
}

/** Offsets in bytes. */
export interface EncodedWindow {
  start: number;
  end: number;
}

/**
 * All forms of one text; empty when nothing in it could be told from other text.
 * @param known texts that are in everybody's hands (the run's id, its job's name), wherever they stand in it.
 */
export function encodedForms(text: string, known: readonly string[]): Encoded[] {
  const unbroken = text.replace(/\s+/g, ""); // a key's body, whose lines are printed one by one
  const seen = new Set<string>();
  return [text, ...(unbroken === text ? [] : [unbroken])]
    .flatMap((each) => formsOf(each, known))
    .filter(({ form, bytes }) => {
      const key = `${form} ${Buffer.from(bytes).toString("latin1")}`;
      return !seen.has(key) && seen.add(key);
    });
}

function formsOf(text: string, known: readonly string[]): Encoded[] {
  const units = unitsOf(text, known);
  if (units === undefined) return [];
  const { bytes, backwards, wide } = units;
  const byWide = (form: LeakForm, spell: (value: number) => string) =>
    spelled(form, wide, Object.fromEntries(wide.values.map((value) => [value, spell(value)])));
  return [
    ...byteSpellings.map(({ form, spellings, between }) => spelled(form, bytes, spellings, between)),
    spelled("reversed", backwards, rawSpellings),
    ...[lower, upper].map((hex) => byWide("unicode escape", (value) => `\\u${hex(value >> 8)}${hex(value & 255)}`)),
    byWide("utf-16", (value) => byte(value & 255) + byte(value >> 8)),
    byWide("utf-16", (value) => byte(value >> 8) + byte(value & 255)),
    ...[0, 1, 2].flatMap((offset) => (["base64", "base64url"] as const).map((kind) => base64(bytes, offset, kind))),
  ];
}

/** Latin-1 for each value of a unit: a character a byte. */
type Spellings = { readonly [value: number]: string };

interface ByteSpelling {
  form: LeakForm;
  spellings: Spellings;
  between: string;
}

const rawSpellings = bySpelling("raw", byte).spellings;

const byteSpellings: readonly ByteSpelling[] = [
  bySpelling("raw", byte),
  bySpelling("json", (value) => (value < 128 ? JSON.stringify(byte(value)).slice(1, -1) : byte(value))),
  ...[lower, upper].flatMap((hex) => [
    bySpelling("hex", hex),
    bySpelling("percent", (value) => `%${hex(value)}`),
    bySpelling("percent", (value) => (isUnreserved(value) ? byte(value) : `%${hex(value)}`)),
    bySpelling("percent", (value) => (value === 32 ? "+" : isForm(value) ? byte(value) : `%${hex(value)}`)),
    bySpelling("double percent", (value) => `%25${hex(value)}`),
    bySpelling("double percent", (value) => (isUnreserved(value) ? byte(value) : `%25${hex(value)}`)),
  ]),
  bySpelling("decimal", String, ","),
  bySpelling("decimal", String, ", "),
];

function bySpelling(form: LeakForm, spell: (value: number) => string, between = ""): ByteSpelling {
  return { form, spellings: Array.from({ length: 256 }, (_, value) => spell(value)), between };
}

function spelled(form: LeakForm, units: Units, spellings: Spellings, between = ""): Encoded {
  const starts = new Int32Array(units.values.length);
  const ends = new Int32Array(units.values.length);
  const parts = units.values.map((value) => spellings[value] as string);
  let bytes = 0;
  for (let index = 0; index < parts.length; index += 1) {
    starts[index] = bytes;
    bytes += (parts[index] as string).length;
    ends[index] = bytes;
    bytes += between.length;
  }
  return encoded(form, units, parts.join(between), starts, ends);
}

/** As it stands behind a text whose length is `offset` modulo three, without the characters that it shares with others. */
function base64(units: Units, offset: number, kind: "base64" | "base64url"): Encoded {
  const whole = Buffer.from([...new Array<number>(offset).fill(0), ...units.values]).toString(kind);
  const bitsBefore = (index: number) => 8 * (offset + index);
  const from = Math.ceil(bitsBefore(0) / 6);
  const starts = Int32Array.from(units.values, (_, index) => Math.ceil(bitsBefore(index) / 6) - from);
  const ends = Int32Array.from(units.values, (_, index) => Math.floor(bitsBefore(index + 1) / 6) - from);
  return encoded("base64", units, whole.slice(from, from + (ends.at(-1) ?? 0)), starts, ends);
}

/** @param starts where each unit begins in the text; in Base64, at the first character that is all its own. */
function encoded(form: LeakForm, units: Units, text: string, starts: Int32Array, ends: Int32Array): Encoded {
  const width = Math.min(windowUnits, units.values.length);
  const windows: EncodedWindow[] = [];
  for (let index = units.telling.indexOf(1); index >= 0; index = units.telling.indexOf(1, index + 1))
    windows.push({ start: starts[index] as number, end: ends[index + width - 1] as number });
  return { form, bytes: Buffer.from(text, "latin1"), windows };
}

function byte(value: number): string {
  return String.fromCharCode(value);
}

function lower(value: number): string {
  return value.toString(16).padStart(2, "0");
}

function upper(value: number): string {
  return lower(value).toUpperCase();
}

/** encodeURIComponent leaves these as they are. */
function isUnreserved(value: number): boolean {
  return value < 128 && encodeURIComponent(byte(value)).length === 1;
}

/** application/x-www-form-urlencoded leaves these as they are. */
function isForm(value: number): boolean {
  return value < 128 && /[A-Za-z0-9*\-._]/.test(byte(value));
}
