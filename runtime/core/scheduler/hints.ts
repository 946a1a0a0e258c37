// What to do about an error that says that something isn't there: the words of model/absent-names.ts, and whose package asked
// for it. Name and message are the job's, and hostile: they choose among words of ours, and are bounded before they are matched.
import { absenceOf } from "../../model/absent-names.ts";
import { quote } from "../../model/error.ts";

/** A thrown error as it is told: the message with the error's name before it, unless that is plain Error. */
interface Told {
  name: string;
  message: string;
  /** Of the innermost frame. */
  innermostFile?: string;
}

/** Longer than any message that V8, esbuild or the layer of Node's modules makes of a name. */
const matchedChars = 300;

/** undefined for an error of which nothing is known. */
export function hintFor({ name, message, innermostFile }: Told, job: string): string | undefined {
  const words = wordsFor(name, message.slice(0, matchedChars), job);
  if (words === undefined) return undefined;
  const from = packageIn(innermostFile ?? "");
  return from === undefined ? words : `${words} (the package ${quote(from, 100)} asks for it)`;
}

function wordsFor(name: string, message: string, job: string): string | undefined {
  const absent = nameNotThere(message);
  if (absent !== undefined) return absenceOf(absent, job);
  if (name === "MayflyUnsupportedError")
    return "docs/node.md has what a job gets of Node's modules, and what to use instead";
  // As esbuild says it.
  if (/^(?:Dynamic require of ".{1,200}" is not supported|Module not found in bundle: .{1,200})$/.test(message))
    return "a bundle has what is imported by name; a name that is made at run time leads nowhere";
  return undefined;
}

/** As V8 says it, behind the error's own name. */
function nameNotThere(message: string): string | undefined {
  const free = /^ReferenceError: ([\w$]{1,64}) is not defined$/.exec(message);
  const member = /^TypeError: (?:globalThis|self)\.([\w$]{1,64}) is not a (?:constructor|function)$/.exec(message);
  return free?.[1] ?? member?.[1];
}

/** `node_modules/@scope/name/…`; the innermost, where packages lie within packages. */
function packageIn(file: string): string | undefined {
  const parts = file.split("/");
  const at = parts.lastIndexOf("node_modules");
  const [first, second] = parts.slice(at + 1);
  if (at < 0 || first === undefined) return undefined;
  return first.startsWith("@") && second !== undefined ? `${first}/${second}` : first;
}
