// node:path: POSIX, since a job's files are (its root is "/"). The Windows half has its constants, and refuses.
import npmPath from "path-browserify/index.js";
import { wrongType } from "./errors.ts";
import { refusedModule } from "./refuse.ts";

const win32 = refusedModule("path.win32", "a job's paths are POSIX: use path.posix", { sep: "\\", delimiter: ";" });

function textOf(value: unknown, name = "path"): string {
  if (typeof value !== "string") throw wrongType(name, "of type string", value);
  return value;
}

/** From the root, where a job's working directory is. */
function resolve(...parts: unknown[]): string {
  return npmPath.resolve("/", ...parts.map((part, index) => textOf(part, `paths[${index}]`)));
}

const path = {
  ...npmPath,
  resolve,
  join: (...parts: unknown[]) => npmPath.join(...parts.map((part) => textOf(part))),
  normalize: (text: unknown) => npmPath.normalize(textOf(text)),
  isAbsolute: (text: unknown) => npmPath.isAbsolute(textOf(text)),
  dirname: (text: unknown) => npmPath.dirname(textOf(text)),
  extname: (text: unknown) => npmPath.extname(textOf(text)),
  parse: (text: unknown) => npmPath.parse(textOf(text)),
  basename: (text: unknown, suffix?: unknown) =>
    suffix === undefined ? npmPath.basename(textOf(text)) : npmPath.basename(textOf(text), textOf(suffix, "suffix")),
  relative: (from: unknown, to: unknown) => npmPath.relative(resolve(textOf(from, "from")), resolve(textOf(to, "to"))),
  toNamespacedPath: (text: unknown) => text,
  _makeLong: (text: unknown) => text,
  win32,
};

export default Object.assign(path, { posix: path });
