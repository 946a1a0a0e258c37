// Reads TypeScript as far as tidy.test.ts needs it: which modules a file names, and which words stand in its code. Types
// count, so a bundler's list of imports won't do; and a comment or a string that talks about an import is none.

export interface Token {
  kind: "word" | "string" | "mark";
  text: string;
  line: number;
}

export interface Import {
  specifier: string;
  typeOnly: boolean;
  line: number;
}

const skipped = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|\s+/y;
const word = /[\p{ID_Start}$_#][\p{ID_Continue}$]*|\d[\w.]*/uy;
const quoted = /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'/y;
const regex = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const template = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y;
const beforeRegex = /^(?:[(,=:[!&|?{};+\-*%~^<>]|return|typeof|case|in|of|delete|void|throw|new|else|do|yield|await)$/;

/** Words, strings and single marks; comments, regular expressions and the text of templates are left out. */
export function tokenize(text: string): Token[] {
  const read: Token[] = [];
  const braces: boolean[] = []; // for each open brace: whether it is a template's `${`
  let at = text.startsWith("#!") ? text.indexOf("\n") : 0;
  let line = 1;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text)?.[0];
    if (match === undefined) return undefined;
    at += match.length;
    line += match.split("\n").length - 1;
    return match;
  };
  const takeTemplate = () => {
    take(template);
    if (text[at] === "$") braces.push(true);
    at += text[at] === "$" ? 2 : 1;
  };
  while (at < text.length) {
    if (take(skipped) !== undefined) continue;
    const start = line;
    const name = take(word);
    if (name !== undefined) {
      read.push({ kind: "word", text: name, line: start });
      continue;
    }
    const string = take(quoted);
    if (string !== undefined) {
      read.push({ kind: "string", text: string.slice(1, -1), line: start });
      continue;
    }
    const mark = text[at] as string;
    if (mark === "/" && beforeRegex.test(read.at(-1)?.text ?? ";") && take(regex) !== undefined) continue;
    at += 1;
    if (mark === "`") takeTemplate();
    else if (mark === "{") braces.push(false);
    else if (mark === "}" && braces.pop() === true) takeTemplate();
    read.push({ kind: "mark", text: mark, line: start });
  }
  return read;
}

/** Every module that is named: import, export … from, import(), require(), types included. */
export function importsOf(read: readonly Token[]): Import[] {
  const found: Import[] = [];
  const add = (token: Token | undefined, typeOnly: boolean) => {
    if (token?.kind === "string") found.push({ specifier: token.text, typeOnly, line: token.line });
  };
  for (const [index, token] of read.entries()) {
    const next = read[index + 1];
    if (token.kind !== "word" || read[index - 1]?.text === ".") continue;
    if ((token.text === "import" || token.text === "require") && next?.text === "(") add(read[index + 2], false);
    else if (token.text === "import" && next?.kind === "string") add(next, false);
    else if (
      (token.text === "import" && next?.text !== ".") ||
      (token.text === "export" && /^(?:type|\*|\{)$/.test(next?.text ?? ""))
    ) {
      const typeOnly = next?.text === "type" && !/^(?:from|,)$/.test(read[index + 2]?.text ?? "");
      const from = read.findIndex((each, later) => later > index && endsClause(each, read[later + 1]));
      if (read[from]?.text === "from") add(read[from + 1], typeOnly);
    }
  }
  return found;
}

// The clause ends with `from "…"`, or was none, such as `export type X = …` or `export { x };`.
function endsClause(token: Token, next: Token | undefined): boolean {
  if (token.kind === "word" && token.text === "from") return next?.kind === "string";
  return token.text === ";" || token.text === "=" || (token.kind === "word" && /^(?:import|export)$/.test(token.text));
}
