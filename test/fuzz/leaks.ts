// Fuzzes the leak guard by what must not change the outcome: a text with a credential in it is encoded as a whole, in one
// way or another, and cut into pieces anywhere. What comes out has no window of the credential in any form, as the naive
// oracle sees it; and a text without one, and without the half of one, comes out as it went in.
import fc from "fast-check";
import { encodedForms } from "../../runtime/core/leases/leak-forms.ts";
import { makeScanner } from "../../runtime/core/leases/leak-scanner.ts";
import { makeLeakStream } from "../../runtime/core/leases/leak-stream.ts";
import { unitsOf, windowUnits } from "../../runtime/core/leases/leak-units.ts";
import { findCanary } from "../../runtime/testkit/canary.ts";
import { expectThat, type Fuzzer, fuzzProperty } from "./fuzzer.ts";

/** Where characters take different room, a window of twelve is known by the first of them. */
const halfWindowChars = 6;

export type Redact = (secret: string, pieces: readonly Uint8Array[]) => Uint8Array;

/** The whole text, by functions that know nothing of the guard. */
const encodings: Record<string, (text: string) => string | Uint8Array> = {
  raw: (text) => text,
  json: (text) => JSON.stringify({ log: [text] }),
  base64: (text) => Buffer.from(text).toString("base64"),
  base64url: (text) => Buffer.from(text).toString("base64url"),
  mime: (text) => Buffer.from(text).toString("base64").replace(/.{76}/g, "$&\r\n"),
  hex: (text) => Buffer.from(text).toString("hex"),
  HEX: (text) => Buffer.from(text).toString("hex").toUpperCase(),
  component: encodeURIComponent,
  form: (text) => new URLSearchParams([["a", text]]).toString(),
  "component twice": (text) => encodeURIComponent(encodeURIComponent(text)),
  percent: (text) => [...Buffer.from(text)].map((each) => `%${each.toString(16).padStart(2, "0")}`).join(""),
  escapes: (text) => Array.from(text, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
  utf16: (text) => Buffer.from(text, "utf16le"),
  "utf16 big": (text) => Buffer.from(text, "utf16le").swap16(),
  reversed: (text) => [...text].reverse().join(""),
  bytes: (text) => JSON.stringify(Buffer.from(text)),
  ansi: (text) => `\u001b[31m${text}\u001b[0m`,
};

const printable = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
/** All of whose windows tell something. */
const secrets = fc.string({ unit: printable, minLength: 12, maxLength: 60 }).filter(
  (text) =>
    unitsOf(text, [])
      ?.bytes.telling.slice(0, text.length - windowUnits + 1)
      .every((each) => each === 1) === true,
);
const ascii = fc.string({ unit: "binary-ascii", maxLength: 40 });
const cases = fc.record({
  secret: secrets,
  parts: fc.array(fc.oneof(ascii, fc.constant("<secret>"), fc.constant("<part>"), fc.constant("<near>")), {
    maxLength: 6,
  }),
  from: fc.nat(60),
  encoding: fc.constantFrom(...Object.keys(encodings)),
  cuts: fc.array(fc.nat(1_000), { maxLength: 6 }),
  bytewise: fc.boolean(),
});
type Case = typeof cases extends fc.Arbitrary<infer Each> ? Each : never;

function textOf({ secret, parts, from }: Case): string {
  const at = from % (secret.length - 11);
  return parts
    .map((part) => {
      if (part === "<secret>") return secret;
      if (part === "<part>") return secret.slice(at, at + 12);
      return part === "<near>" ? secret.slice(at, at + 11) : part;
    })
    .join("");
}

function piecesOf(bytes: Buffer, { cuts, bytewise }: Case): Buffer[] {
  if (bytewise) return Array.from(bytes, (each) => Buffer.of(each));
  const borders = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return borders.slice(1).map((border, index) => bytes.subarray(borders[index], border));
}

export const redactByStream: Redact = (secret, pieces) => {
  const stream = makeLeakStream(makeScanner(encodedForms(secret, [])), Buffer.from("\u0007"));
  return Buffer.concat([...pieces.map((piece) => Buffer.from(stream.push(piece))), stream.end()]);
};

/** @param redact the guard, or a twin that has a fault. */
export function makeLeakFuzzer(redact: Redact = redactByStream): Fuzzer {
  const property = fc.property(cases, (each) => {
    const bytes = Buffer.from(encodings[each.encoding]?.(textOf(each)) ?? "");
    const out = Buffer.from(redact(each.secret, piecesOf(bytes, each)));
    const left = findCanary(each.secret, { out });
    expectThat(left.length === 0, `${left[0]?.form} is left of a text in ${each.encoding}`);
    if (findCanary(each.secret, { bytes }, halfWindowChars).length === 0)
      expectThat(out.equals(bytes), `a text without it, in ${each.encoding}, came out otherwise`);
  });
  return { name: "leaks", about: "texts with a credential in them", run: (options) => fuzzProperty(property, options) };
}

export const leakFuzzer: Fuzzer = makeLeakFuzzer();
