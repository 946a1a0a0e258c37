// The paths that a job may name, and where they lead. A path is a list of names below one root; there is no way up, no
// link, no outside. It answers for the grammar and for which mount a path falls into; what exists is files.ts's business.
import { type CheckedPath, mint } from "../../model/checked.ts";
import { escapeLine, quote } from "../../model/error.ts";
import { Denied } from "./capability.ts";

const NAME_BYTES_MAX = 255; // Linux's NAME_MAX
const TARGET_CHARS_MAX = 200;

export interface GuestPath {
  /** From the guest's root downwards; empty for the root itself. */
  names: readonly string[];
  /** `/a/b`: one spelling for each place. */
  text: string;
}

/**
 * Absolute or below the root: `/a/b` and `a/b` are the same.
 * @throws Denied `path`.
 */
export function readPath(text: string): GuestPath {
  const problem = pathProblem(text);
  if (problem !== undefined) {
    throw new Denied(
      "path",
      `found ${problem}; needed: names joined by "/", such as "/output/a.json"`,
      pathTarget(text),
    );
  }
  return guestPath(text === "/" ? [] : text.replace(/^\//, "").split("/"));
}

export function guestPath(names: readonly string[]): GuestPath {
  return { names, text: `/${names.join("/")}` };
}

export function pathTarget(text: string): string {
  return escapeLine(text, TARGET_CHARS_MAX);
}

function pathProblem(text: string): string | undefined {
  if (text === "") return "an empty path";
  if (/\p{Cc}/u.test(text)) return "a control character in the path";
  if (!text.isWellFormed()) return "half a surrogate pair in the path"; // has no UTF-8 of its own
  if (text.includes("\\")) return "a backslash in the path";
  if (/^\/?[A-Za-z][A-Za-z0-9+.-]*:/.test(text)) return "a URL or a drive letter in place of a path";
  if (/%(?:2e|2f|5c|00|25)/i.test(text)) return "an encoded dot, slash, backslash, NUL or percent sign in the path";
  if (text === "/") return undefined;
  for (const name of text.replace(/^\//, "").split("/")) {
    if (name === "") return "an empty name in the path";
    if (/^\.+$/.test(name)) return `the name ${quote(name)} in the path`;
    if (Buffer.byteLength(name) > NAME_BYTES_MAX) return `a name of more than ${NAME_BYTES_MAX} bytes`;
  }
  return undefined;
}

export interface MountTable {
  /** The longest mount that holds the path, or the private tree. */
  locate(path: GuestPath): CheckedPath;
  /** Names directly below `path` that lead to mounts. */
  namesBelow(path: GuestPath): string[];
  /** A mount lies at the path or below it, or the path lies in one. */
  touches(path: GuestPath): boolean;
}

export function makeMountTable(mounts: Readonly<Record<string, string>>): MountTable {
  const table = Object.keys(mounts)
    .map((guest) => ({ root: guest, names: readPath(guest).names }))
    .sort((a, b) => b.names.length - a.names.length);

  function locate(path: GuestPath): CheckedPath {
    const mount = table.find(({ names }) => startsWith(path.names, names));
    if (mount === undefined) return mint<CheckedPath>({ root: "private", names: path.names, writable: true });
    return mint<CheckedPath>({ root: mount.root, names: path.names.slice(mount.names.length), writable: false });
  }

  function below(path: GuestPath) {
    return table.filter(({ names }) => names.length > path.names.length && startsWith(names, path.names));
  }

  return {
    locate,
    namesBelow: (path) => [...new Set(below(path).map(({ names }) => names[path.names.length] ?? ""))],
    touches: (path) => locate(path).root !== "private" || below(path).length > 0,
  };
}

function startsWith(names: readonly string[], beginning: readonly string[]): boolean {
  return beginning.length <= names.length && beginning.every((name, index) => names[index] === name);
}
