// Puts a job into the text of a config: one more property of `jobs`, where that is written out as an object in what the
// file exports. It reads no more of TypeScript than that takes, and may be wrong about a text that is written in another
// way: whoever uses it evaluates the new text, and compares, before it takes the old one's place.

interface Token {
  /** A string without its quotes. */
  text: string;
  isString: boolean;
  start: number;
  end: number;
}

const blank = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y;
const quoted = /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'|`(?:[^`\\]|\\[\s\S])*`/y;
const regex = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const word = /[\p{ID_Start}$_][\p{ID_Continue}$]*|\d[\w.]*/uy;
const beforeRegex = /^[(,=:[!&|?{};]$/;

/**
 * @param kind JSON quotes its keys, and is an object from its first character on.
 * @param value source text of the entry.
 * @returns the text with the entry, or undefined where its place isn't plain.
 */
export function withJob(text: string, kind: "json" | "code", name: string, value: string): string | undefined {
  const tokens = tokenize(text);
  const top = kind === "json" ? 0 : exportedObject(tokens);
  const open = top === undefined ? undefined : objectOf(tokens, top, "jobs");
  const close = open === undefined ? undefined : closingOf(tokens, open);
  if (open === undefined || close === undefined) return undefined;
  const isPlain = kind === "code" && /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name);
  const entry = `${isPlain ? name : JSON.stringify(name)}: ${value}`;
  return insert(text, tokens.slice(open, close + 1), entry, kind === "code");
}

/** Behind the last property, on a line of its own where the closing brace has one. @param object its tokens, braces included. */
function insert(text: string, object: readonly Token[], entry: string, mayTrail: boolean): string {
  const [open, first] = object as [Token, Token];
  const [last, close] = object.slice(-2) as [Token, Token];
  const isEmpty = last === open;
  const comma = isEmpty || is(last, ",") ? "" : ",";
  const head = text.slice(0, last.end) + comma;
  const margin = marginAt(text, close.start);
  if (margin === undefined) return `${head} ${entry}${isEmpty ? " " : ""}${text.slice(last.end)}`;
  const indent = (isEmpty ? undefined : marginAt(text, first.start)) ?? `${margin}  `;
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const lineStart = close.start - margin.length;
  const line = `${indent}${entry}${mayTrail ? "," : ""}${newline}`;
  return head + text.slice(last.end, lineStart) + line + text.slice(lineStart);
}

/** The white space before `at`, when there is nothing else on its line. */
function marginAt(text: string, at: number): string | undefined {
  const line = text.slice(text.lastIndexOf("\n", at - 1) + 1, at);
  return text.lastIndexOf("\n", at - 1) >= 0 && line.trim() === "" ? line : undefined;
}

/** Index of the brace that opens what the module exports: `export default`, `defineConfig(` and a constant are seen through. */
function exportedObject(tokens: readonly Token[]): number | undefined {
  const at = tokens.findIndex((token, index) => is(token, "export") && is(tokens[index + 1], "default"));
  if (at < 0) return undefined;
  const direct = throughCall(tokens, at + 2);
  if (is(tokens[direct], "{")) return direct;
  const name = tokens[direct]?.text;
  const declared = tokens.findIndex((token, index) => is(token, "const") && tokens[index + 1]?.text === name);
  const equals = tokens.findIndex((token, index) => declared >= 0 && index > declared && is(token, "="));
  const value = throughCall(tokens, equals + 1);
  return equals > 0 && is(tokens[value], "{") ? value : undefined;
}

function throughCall(tokens: readonly Token[], at: number): number {
  return is(tokens[at], "defineConfig") && is(tokens[at + 1], "(") ? at + 2 : at;
}

/** Index of the brace that opens the object under `key` in the object that opens at `open`. */
function objectOf(tokens: readonly Token[], open: number, key: string): number | undefined {
  if (!is(tokens[open], "{")) return undefined;
  let depth = 0;
  for (let at = open; at < tokens.length; at += 1) {
    depth += depthOf(tokens[at] as Token);
    if (depth === 0) return undefined;
    const isKey = depth === 1 && tokens[at]?.text === key && /^[{,]$/.test(tokens[at - 1]?.text ?? "");
    if (isKey && is(tokens[at + 1], ":") && is(tokens[at + 2], "{")) return at + 2;
  }
  return undefined;
}

function closingOf(tokens: readonly Token[], open: number): number | undefined {
  let depth = 0;
  for (let at = open; at < tokens.length; at += 1) {
    depth += depthOf(tokens[at] as Token);
    if (depth === 0) return at;
  }
  return undefined;
}

function depthOf({ text, isString }: Token): number {
  if (isString) return 0;
  return /^[{[(]$/.test(text) ? 1 : /^[}\])]$/.test(text) ? -1 : 0;
}

function is(token: Token | undefined, text: string): boolean {
  return token !== undefined && !token.isString && token.text === text;
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const take = (pattern: RegExp) => {
      pattern.lastIndex = at;
      return pattern.exec(text)?.[0];
    };
    const skipped = take(blank);
    if (skipped !== undefined) {
      at += skipped.length;
      continue;
    }
    const string = take(quoted);
    const mayBeRegex = text[at] === "/" && beforeRegex.test(tokens.at(-1)?.text ?? ";");
    const found = string ?? (mayBeRegex ? take(regex) : undefined) ?? take(word) ?? (text[at] as string);
    const inside = string === undefined ? found : string.slice(1, -1);
    tokens.push({ text: inside, isString: string !== undefined, start: at, end: at + found.length });
    at += found.length;
  }
  return tokens;
}
