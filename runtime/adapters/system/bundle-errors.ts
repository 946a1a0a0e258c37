// esbuild's messages in our words: one MayflyError that names file, line and column, and what to use instead. Source
// text in it is the job's, so it is quoted and cut.
import type { Message } from "esbuild";
import { escapeLine, MayflyError, quote } from "../../model/error.ts";

/** The wrapper around a job's module, and its name in messages and source maps. */
export const wrapperName = "mayfly:entry";

const errorsListedMax = 10;

interface Said {
  text: string;
  next?: string | undefined;
}

/** `entry` as it is shown: relative to the config's directory. */
export function bundleFailed(entry: string, messages: readonly Message[]): MayflyError {
  const said = messages
    .slice(0, errorsListedMax)
    .map((message) => ({ where: whereOf(message), ...say(message, entry) }));
  const lines = said.map(({ where, text }) => (where === "" ? text : `${where}: ${text}`));
  if (messages.length > errorsListedMax) lines.push(`and ${messages.length - errorsListedMax} more`);
  const source = messages[0]?.location;
  const next = said.find((each) => each.next !== undefined)?.next;
  const shown = source?.file === wrapperName ? undefined : source?.lineText.trim();
  return new MayflyError({
    code: "bundle_failed",
    message: `${escapeLine(entry, 200)} can't be bundled: ${lines.join("\n  ")}`,
    ...(shown ? { found: quote(shown) } : {}),
    ...(next === undefined ? {} : { next }),
  });
}

function whereOf({ location }: Message): string {
  if (location === null || location.file === wrapperName) return "";
  return `${escapeLine(location.file, 200)}:${location.line}:${location.column + 1}`;
}

function say(message: Message, entry: string): Said {
  const text = escapeLine(message.text, 300);
  const missing = /^No matching export in "(.*)" for import "(.*)"$/.exec(message.text);
  if (missing !== null) return sayExport(missing[1] ?? "", missing[2] ?? "", message, entry);
  const unresolved = /^Could not resolve "(.*)"$/.exec(message.text)?.[1];
  if (unresolved !== undefined) return sayUnresolved(unresolved);
  if (message.text.startsWith("Top-level await")) {
    return {
      text: "await outside of a function: a job's module is evaluated at once",
      next: "await inside of the job",
    };
  }
  if (message.id === "unsupported-dynamic-import") {
    return { text: "import() of a name that is only known at run time", next: "import each module by its own name" };
  }
  if (message.id === "unsupported-require-call" || message.id === "indirect-require") {
    return { text: "require of a name that is only known at run time", next: "import each module by its own name" };
  }
  return { text, next: message.pluginName === "mayfly" ? message.notes[0]?.text : undefined };
}

function sayExport(module: string, name: string, message: Message, entry: string): Said {
  if (module === "mayfly:mayfly") {
    const next = 'a job imports { defineJob } from "mayfly", and types; what it may do is in the config';
    return { text: `${quote(name, 80)} of "mayfly" is not for jobs`, next };
  }
  if (message.location?.file === wrapperName) {
    const text = `${escapeLine(entry, 200)} has no default export`;
    return { text, next: "export default defineJob(async (context) => { … })" };
  }
  const isOfPackage = message.location?.file.split("/").includes("node_modules") === true;
  return { text: escapeLine(message.text, 300), next: isOfPackage ? betweenPackages : undefined };
}

/** Packages have files for Node, under a condition that jobs haven't. */
const betweenPackages =
  "one package expects of another what that one has for Node alone: use another package than these";

function sayUnresolved(specifier: string): Said {
  const found = quote(specifier, 120);
  if (/^[./]/.test(specifier)) return { text: `nothing to import at ${found}`, next: "correct the path" };
  return { text: `no package ${found} is installed`, next: "check its spelling, then install it beside the config" };
}
