// A job's stack, in the author's own files and lines instead of the bundle's. The text comes from the guest and is
// hostile: it is cut in lines and characters before anything looks at it, matched without backtracking, escaped, and of
// its frames only those are kept that the source map knows or that V8 itself names. So neither positions in the runtime
// (scripts `mayfly:…`) nor a path of the host can reach a record through it.
import { SourceMap } from "node:module";
import { escapeLine } from "../../model/error.ts";

/** Where the author has to look. */
export interface SourcePosition {
  /** As in the source map: relative to the config's directory. */
  file: string;
  /** From 1. */
  line: number;
  /** From 1, in UTF-16 units. */
  column: number;
  /**
   * The line itself, escaped, tabs as two spaces; of a long one the part around the column. Empty when the map doesn't carry
   * it.
   */
  sourceLine: string;
  /** Where in `sourceLine` the column is, from 0, in UTF-16 units; absent without one. */
  caret?: number;
}

export interface MappedStack {
  stack: string;
  /** The innermost frame in the author's own files, or in a package where there is none of these. */
  first?: SourcePosition;
  /** The file of the innermost frame of all. */
  innermostFile?: string;
}

export type StackMapper = (stack: string) => MappedStack;

const stackCharsMax = 16_384; // what the executor may send is four times as long
const linesMax = 64; // V8 writes ten frames; the rest is the message
const lineCharsMax = 512;
const sourceLineCharsMax = 200;
/** Of a long line, what is shown before the column. */
const beforeColumnChars = 120;

/**
 * Maps stacks of one bundle. The source map is parsed at the first stack, since most runs have none.
 * @param sourceMapJson version 3 (ECMA-426); ours, from the bundler. One that can't be parsed leaves no frame.
 * @param options.scriptName what the bundle is called in the isolate.
 */
export function makeStackMapper(sourceMapJson: string, { scriptName = "job.js" } = {}): StackMapper {
  let parsed: Sources | undefined;
  return (stack) => {
    parsed ??= parseSources(sourceMapJson);
    const sources = parsed;
    const kept: string[] = [];
    const positions: SourcePosition[] = [];
    for (const line of stack.slice(0, stackCharsMax).split("\n", linesMax)) {
      const text = line.slice(0, lineCharsMax);
      if (!/^\s+at /.test(text)) {
        kept.push(escapeLine(text, lineCharsMax));
        continue;
      }
      const frame = mapFrame(text.trim(), scriptName, sources);
      if (frame !== undefined) kept.push(`    ${escapeLine(frame.text, lineCharsMax)}`);
      if (frame?.position !== undefined) positions.push(frame.position);
    }
    const first = positions.find(({ file }) => !file.split("/").includes("node_modules")) ?? positions[0];
    const mapped = { stack: kept.join("\n") };
    const innermostFile = positions[0]?.file;
    return first === undefined || innermostFile === undefined ? mapped : { ...mapped, first, innermostFile };
  };
}

interface Sources {
  map: SourceMap | undefined;
  contentOf(file: string): string | undefined;
}

function parseSources(sourceMapJson: string): Sources {
  try {
    const payload = JSON.parse(sourceMapJson) as { sources: string[]; sourcesContent?: (string | null)[] };
    const contents = new Map(
      payload.sources.map((file, index) => [file, payload.sourcesContent?.[index] ?? undefined]),
    );
    // Node's own parser; its payload type asks for members that are optional in the format.
    const map = new SourceMap(payload as unknown as ConstructorParameters<typeof SourceMap>[0]);
    return { map, contentOf: (file) => contents.get(file) };
  } catch {
    return { map: undefined, contentOf: () => undefined };
  }
}

/** `at name (place)` or `at place`. */
function mapFrame(
  frame: string,
  scriptName: string,
  sources: Sources,
): { text: string; position?: SourcePosition } | undefined {
  const open = frame.lastIndexOf("(");
  const named = open > 0 && frame.endsWith(")");
  const place = named ? frame.slice(open + 1, -1) : frame.slice("at ".length).replace(/^async /, "");
  if (named && /^(?:<anonymous>|native|index \d{1,9})$/.test(place)) return { text: frame };
  const at = placeIn(place, scriptName);
  const position = at && positionOf(at.line, at.column, sources);
  if (position === undefined) return undefined;
  const shown = `${position.file}:${position.line}:${position.column}`;
  return { text: named ? `${frame.slice(0, open)}(${shown})` : `at ${shown}`, position };
}

function placeIn(place: string, scriptName: string): { line: number; column: number } | undefined {
  if (!place.startsWith(`${scriptName}:`)) return undefined;
  const match = /^(\d{1,9}):(\d{1,9})$/.exec(place.slice(scriptName.length + 1));
  return match === null ? undefined : { line: Number(match[1]), column: Number(match[2]) };
}

function positionOf(line: number, column: number, sources: Sources): SourcePosition | undefined {
  if (line < 1 || column < 1) return undefined;
  const entry = sources.map?.findEntry(line - 1, column - 1);
  // findEntry takes the nearest mapping before; one on an earlier line says nothing about this one.
  if (entry === undefined || !("originalSource" in entry) || entry.generatedLine !== line - 1) return undefined;
  const file = entry.originalSource;
  if (file === undefined || /^(?:\.\/)?mayfly:/.test(file)) return undefined;
  const sourceLine = sources.contentOf(file)?.split("\n", entry.originalLine + 1)[entry.originalLine] ?? "";
  return {
    file,
    line: entry.originalLine + 1,
    column: entry.originalColumn + 1,
    ...shownLine(sourceLine.trimEnd(), entry.originalColumn),
  };
}

/** @param column from 0. */
function shownLine(line: string, column: number): Pick<SourcePosition, "sourceLine" | "caret"> {
  const isLong = line.length > sourceLineCharsMax && column > beforeColumnChars;
  const from = isLong ? column - beforeColumnChars : 0;
  const escaped = (text: string) => escapeLine(text.replaceAll("\t", "  "), sourceLineCharsMax);
  const sourceLine = (isLong ? "…" : "") + escaped(line.slice(from, from + sourceLineCharsMax + 1));
  if (column >= line.length) return { sourceLine };
  const caret = (isLong ? 1 : 0) + escaped(line.slice(from, column)).length;
  return caret < sourceLine.length ? { sourceLine, caret } : { sourceLine };
}
