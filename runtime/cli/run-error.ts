// A run's error as a person reads it: what happened, where, the line itself with a caret below the column, what to do, and
// the errors within. The texts come from the record, escaped already.
import type { NestedError, RunError, SourcePlace } from "../model/run.ts";

/** Without the stack. */
export function errorLines({ code, message, source, hint, nested = [] }: RunError): string[] {
  return [
    `${message} [${code}]`,
    ...placeLines(source),
    ...(hint === undefined ? [] : [`hint: ${hint}`]),
    ...nested.flatMap(nestedLines),
  ];
}

function nestedLines({ path, message, source }: NestedError): string[] {
  const label = /^cause(?:\.cause)*$/.test(path) ? "caused by" : path;
  return [`${label}: ${message}`, ...placeLines(source)];
}

export function placeLines(source: SourcePlace | undefined): string[] {
  if (source === undefined) return [];
  const { file, line, column, sourceLine, caret } = source;
  const shown = sourceLine.trimStart();
  const before = caret === undefined ? -1 : caret - (sourceLine.length - shown.length);
  const lines = [`at ${file}:${line}:${column}`];
  if (shown !== "") lines.push(`> ${shown}`);
  if (shown !== "" && before >= 0) lines.push(`  ${asWide(shown.slice(0, before))}^`);
  return lines;
}

const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uff01-\uff60]/u;

/** Space that takes as many columns of a terminal as the text. */
function asWide(text: string): string {
  return text.replace(/\p{M}|\u200d/gu, "").replace(/./gsu, (character) => (wide.test(character) ? "  " : " "));
}
