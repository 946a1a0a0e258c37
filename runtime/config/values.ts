// The words of a config in general: what a value may be on its own, whatever section it stands in. Each schema carries its
// own `needed` text, from which problems.ts builds the sentence.
import { z } from "zod";
import { quote } from "../model/error.ts";
import {
  durationUnits,
  formatDuration,
  formatSize,
  parseDurationMs,
  parseSizeBytes,
  sizeUnits,
} from "../model/units.ts";
import { suggestion, Unfit } from "./problems.ts";

const textCharsMax = 1_024;

/** Names of jobs, issuers and tenants: safe as a file name, in a URL and in SQL. */
export const namePattern = /^[a-z][a-z0-9-]{0,62}$/;
export const nameNeeded = "a name: a lower-case letter, then at most 62 of a–z, 0–9 and -";

/** One value: `parse` returns what it means, or Unfit. */
export function leaf<Out>(parse: (value: unknown) => Out | Unfit) {
  return z.unknown().transform((value, context): Out => {
    const parsed = parse(value);
    if (!(parsed instanceof Unfit)) return parsed;
    context.addIssue({ code: "custom", params: { unfit: parsed }, message: parsed.needed });
    return z.NEVER;
  });
}

/** An object of exactly these keys. Its message is the list of them: problems.ts builds both sentences from it. */
export function object<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, { error: Object.keys(shape).join(", ") });
}

export function text(needed: string, pattern: RegExp, charsMax = textCharsMax) {
  return leaf((value) => {
    if (typeof value !== "string" || value.length > charsMax || !pattern.test(value)) return new Unfit(needed);
    return value;
  });
}

export function choice<const Word extends string>(words: readonly Word[]) {
  return leaf((value): Word | Unfit => {
    const word = words.find((candidate) => candidate === value);
    const near = typeof value === "string" ? suggestion(value, words) : undefined;
    return word ?? new Unfit(`one of ${words.map((each) => quote(each)).join(", ")}`, { next: near });
  });
}

/** One word and no other. */
export function word<const Word extends string>(only: Word) {
  return choice([only]);
}

export function yesOrNo() {
  return leaf((value) => (typeof value === "boolean" ? value : new Unfit("true or false")));
}

export function count(min: number, max: number) {
  return leaf((value) => {
    const fits = typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max;
    return fits ? value : new Unfit(`a whole number from ${min} to ${max}`);
  });
}

export function duration(max: number, min = 1) {
  const example = `a duration such as "30s" (${durationUnits.join(", ")})`;
  return measure(parseDurationMs, formatDuration, example, min, max);
}

export function size(max: number, min = 1) {
  return measure(parseSizeBytes, formatSize, `a size such as "16MiB" (${sizeUnits.join(", ")})`, min, max);
}

export function measure(
  parse: (text: string) => number | undefined,
  format: (value: number) => string,
  example: string,
  min: number,
  max: number,
) {
  return leaf((value) => {
    if (typeof value === "number") return new Unfit(`${example}: a number alone has no unit`);
    const parsed = typeof value === "string" ? parse(value) : undefined;
    if (parsed === undefined) return new Unfit(example);
    if (parsed > max) return new Unfit(`at most ${format(max)}`);
    return parsed < min ? new Unfit(`at least ${format(min)}`) : parsed;
  });
}

export function list<Out>(item: z.ZodType<Out>, needed: string) {
  return z.array(item, { error: needed });
}

export function record(needed: string) {
  return leaf((value): Record<string, unknown> | Unfit => {
    const plain = typeof value === "object" && value !== null && !Array.isArray(value);
    return plain ? (value as Record<string, unknown>) : new Unfit(needed);
  });
}

export const relativePath = leaf((value) => {
  const fits = typeof value === "string" && value !== "" && value.length <= textCharsMax && !value.includes("\0");
  return fits ? value : new Unfit("a path, relative to the config");
});

export const environmentName = text("the name of an environment variable", /^[A-Za-z_][A-Za-z0-9_]*$/, 128);

export const listen = leaf((value) => {
  const needed = 'a loopback address and a port, such as "127.0.0.1:7420" or "[::1]:7420"';
  const match = typeof value === "string" ? /^(127(?:\.\d{1,3}){3}|\[::1\]):(\d{1,5})$/.exec(value) : null;
  const host = match?.[1]?.replace(/^\[|\]$/g, "") ?? "";
  const port = Number(match?.[2]);
  const octetsFit = host
    .split(".")
    .every((octet) => !/^\d+$/.test(octet) || String(Math.min(255, Number(octet))) === octet);
  if (match === null || !octetsFit || port > 65_535) {
    return new Unfit(needed, { next: "tokens are for resources on this machine: no other address is listened on" });
  }
  return { host, port };
});

const envSource = z.strictObject({ env: environmentName });
const fileSource = z.strictObject({ file: relativePath });
/** Names of sealed root credentials. */
export const sealedName = text(nameNeeded, namePattern);
const sealedSource = z.strictObject({ sealed: sealedName });

/** A root credential. What was written is never shown: it may well be the secret. */
export const secretSource = sourceOf(
  z.union([envSource, fileSource, sealedSource]),
  '{ env: "NAME" }, { file: "./path" } or { sealed: "name" }',
);

/** What opens the keys themselves, and so can't be sealed by them. */
export const outerSource = sourceOf(z.union([envSource, fileSource]), '{ env: "NAME" } or { file: "./path" }');

function sourceOf<Source>(either: z.ZodType<Source>, needed: string) {
  return leaf((value): Source | Unfit => sourceFrom(value, either, needed));
}

function sourceFrom<Source>(value: unknown, either: z.ZodType<Source>, needed: string): Source | Unfit {
  if (typeof value === "string") {
    const next =
      "root credentials never stand in the config: put the URL into a variable or a file, and change it if this one was committed";
    return new Unfit(needed, { found: "the connection URL itself", next });
  }
  const parsed = either.safeParse(value);
  return parsed.success ? parsed.data : new Unfit(needed, { found: "something else" });
}
