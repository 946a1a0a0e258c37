// The leak guard of one run: it knows the run's credential, looks for it in whatever leaves the run, and is where a leak
// becomes known. It has no texts until a credential is issued, is armed before the job hears of it, and stays armed after
// the lease's end, since what is stored then is read later.
//
// It finds accidents, and the forms that they take (leak-forms.ts). A job that holds a credential and means to give it
// away can: XOR is enough. What it gives away is one credential of narrow scope that dies with its run, and with the first
// leak that is seen, which also bounds guessing.
import type { Leak, LeakSink } from "../../model/run.ts";
import { encodedForms, type LeakForm } from "./leak-forms.ts";
import { type Inspector, makeInspector } from "./leak-inflate.ts";
import { makeScanner, type Scanner } from "./leak-scanner.ts";
import { type LeakStream, makeLeakStream } from "./leak-stream.ts";
import { textUnitsMin } from "./leak-units.ts";

/** In the place of what was found. */
export const marker = "[credential]";

export interface LeakGuardParts {
  /** The job was given the text: sending it to a server that it may reach is use, and no leak. */
  isRevealed: boolean;
  /** In everybody's hands, though it may stand in the credential: the run's id, its job's name. */
  known: readonly string[];
  /** The first of its sink and form. */
  onLeak(leak: Leak): void;
  /** Called once, when the credential has texts that can't be looked for. */
  onBlind(message: string): void;
}

export interface LeakGuard {
  /** From now on these texts are looked for, beside those of before. */
  arm(texts: readonly string[]): void;
  isArmed(): boolean;
  readonly isRevealed: boolean;
  readonly leaks: readonly Leak[];
  /** The form in which it is there; undefined when it isn't. */
  find(text: string | Uint8Array): LeakForm | undefined;
  /** The text with a marker for each find. Reports nothing: for records of what was seen elsewhere. */
  clean(text: string, put?: string): string;
  /** The same for all texts in plain data, and for names of members. */
  cleanAll<Value>(value: Value, put?: string): Value;
  /** The text with a marker for each find; what is found is a leak. */
  redact(sink: LeakSink, text: string): string;
  /** Lines as they come, one after the other: a credential that is split over lines is found where it goes on. */
  redactLines(sink: LeakSink): (line: string) => string;
  report(sink: LeakSink, form: string): void;
  /** undefined while nothing is known to look for. */
  stream(put: string, onFound: (form: LeakForm) => void): LeakStream | undefined;
  inspector(onFound: (form: string) => void): Inspector | undefined;
}

export function makeLeakGuard({ isRevealed, known, onLeak, onBlind }: LeakGuardParts): LeakGuard {
  const texts = new Set<string>();
  const leaks: Leak[] = [];
  let scanner: Scanner | undefined;
  let isBlind = false;

  function arm(more: readonly string[]): void {
    const before = texts.size;
    for (const text of more) if (text !== "") texts.add(text);
    if (texts.size === before) return; // each call of a job for its credential comes here
    const forms = [...texts].map((text) => encodedForms(text, known));
    const blind = forms.filter((each) => each.length === 0).length;
    if (blind > 0 && !isBlind) {
      isBlind = true;
      const what = `${blind} of the ${texts.size} texts of the credential can't be looked for`;
      onBlind(
        `${what}: fewer than ${textUnitsMin} characters, or like any other text; needed: longer ones from the issuer`,
      );
    }
    const all = forms.flat();
    scanner = all.length === 0 ? undefined : makeScanner(all);
  }

  function report(sink: LeakSink, form: string): void {
    if (leaks.some((each) => each.sink === sink && each.form === form)) return;
    const leak: Leak = { sink, form };
    leaks.push(leak);
    onLeak(leak);
  }

  function replace(text: string, put: string, onFound: (form: LeakForm) => void = () => {}): string {
    if (scanner === undefined || text.length < textUnitsMin) return text;
    const bytes = Buffer.from(text);
    const found = scanner.find(bytes);
    if (found.length === 0) return text;
    for (const { form } of found) onFound(form);
    return cut(bytes, found, 0, put);
  }

  function cleanAll<Value>(value: Value, put = marker): Value {
    if (scanner === undefined) return value;
    const clean = (each: unknown): unknown => {
      if (typeof each === "string") return replace(each, put);
      if (typeof each !== "object" || each === null) return each;
      if (Array.isArray(each)) return each.map(clean);
      return Object.fromEntries(Object.entries(each).map(([key, inner]) => [replace(key, put), clean(inner)]));
    };
    return clean(value) as Value;
  }

  return {
    arm,
    isArmed: () => scanner !== undefined,
    isRevealed,
    leaks,
    report,
    find(text) {
      const bytes = typeof text === "string" ? Buffer.from(text) : text;
      return scanner?.find(bytes)[0]?.form;
    },
    clean: (text, put = marker) => replace(text, put),
    cleanAll,
    redact: (sink, text) => replace(text, marker, (form) => report(sink, form)),
    redactLines(sink) {
      let before: Buffer = Buffer.alloc(0);
      return (line) => {
        if (scanner === undefined) return line;
        const bytes = Buffer.concat([before, Buffer.from(line.replace(/\r$/, ""))]);
        const found = scanner.find(bytes, before.length);
        for (const { form } of found) report(sink, form);
        const clean = found.length === 0 ? line : cut(bytes, found, before.length, marker);
        before = Buffer.from(bytes.subarray(-scanner.contextBytes));
        return clean;
      };
    },
    stream: (put, onFound) => scanner && makeLeakStream(scanner, Buffer.from(put), onFound),
    inspector: (onFound) => scanner && makeInspector(scanner, (packed, form) => onFound(`${form}, in ${packed}`)),
  };
}

/** From `from` on, with a marker for each find. A character that was found in part is taken whole. */
function cut(bytes: Buffer, found: readonly { start: number; end: number }[], from: number, put: string): string {
  const parts: string[] = [];
  let at = from;
  for (const { start, end } of found) {
    let [first, last] = [Math.max(start, at), end];
    while (first > at && isInside(bytes[first])) first -= 1;
    while (last < bytes.length && isInside(bytes[last])) last += 1;
    parts.push(bytes.toString("utf8", at, first), put);
    at = last;
  }
  return parts.join("") + bytes.toString("utf8", at);
}

/** A byte within a UTF-8 character. */
function isInside(value: number | undefined): boolean {
  return value !== undefined && (value & 0xc0) === 0x80;
}
