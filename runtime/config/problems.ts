// What is wrong with a config, as a list for its author: where, what was found, what was needed, and the nearest word.
// Our words, not zod's: each schema carries its own `needed` text, and this file finds the value that it is about.
import type { z } from "zod";
import { escapeLine, MayflyError, nearestWord, quote } from "../model/error.ts";

export interface Problem {
  /** `jobs.order-sync.limits.wal` */
  path: string;
  found: string;
  needed: string;
  /** What to do, or the word that was probably meant. */
  next?: string;
}

export type Path = readonly (string | number)[];

/** More are counted, not listed: a config of the wrong kind has hundreds. */
const problemsListedMax = 50;

/** `config_invalid`, with all problems as data besides. */
export class ConfigInvalid extends MayflyError {
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[]) {
    const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
    const lines = problems.slice(0, problemsListedMax).map(line);
    if (problems.length > problemsListedMax) lines.push(`- and ${problems.length - problemsListedMax} more`);
    super({
      code: "config_invalid",
      message: `${escapeLine(file, 200)} has ${count}:\n${lines.join("\n")}`,
      next: "correct the config; nothing was started",
    });
    this.problems = problems;
  }

  /** As MayflyError's, with the code on the first line rather than behind the last problem. */
  override describe(): string {
    return `${this.message.replace(":\n", ` [${this.code}]:\n`)}\n  next:   ${this.next}`;
  }
}

function line(problem: Problem): string {
  const next = problem.next === undefined ? "" : `; ${problem.next}`;
  return `- ${problem.path}: found ${problem.found}, needed ${problem.needed}${next}`;
}

/** `a.b["/data"][0]` */
export function formatPath(path: Path): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`;
    else if (/^[A-Za-z0-9_-]{1,80}$/.test(key)) text += text === "" ? key : `.${key}`;
    else text += `[${quote(key, 80)}]`;
  }
  return text === "" ? "the config" : text;
}

/** A found value in a few words. Objects and lists are named, not shown; nor is a URL that carries a password. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string" && /:\/\/[^/?#]*@/.test(value.slice(0, 4_096))) return "a URL with a user in it";
  if (typeof value === "string") return quote(value, 80);
  if (value === null || typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** `did you mean \`wall\`?`, when a word is near enough. */
export function suggestion(word: string, candidates: Iterable<string>): string | undefined {
  const nearest = nearestWord(word.slice(0, 80), candidates);
  return nearest === undefined ? undefined : `did you mean \`${nearest}\`?`;
}

/** What a leaf's parser says no with. Without `found`, the value itself is shown. */
export class Unfit {
  readonly needed: string;
  readonly found: string | undefined;
  readonly next: string | undefined;
  constructor(needed: string, more: { found?: string; next?: string | undefined } = {}) {
    this.needed = needed;
    this.found = more.found;
    this.next = more.next;
  }
}

/** Parses `value`; what is wrong goes to `problems`. */
export function check<Out>(
  schema: z.ZodType<Out>,
  value: unknown,
  path: Path,
  problems: Problem[],
): { value: Out } | undefined {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { value: parsed.data };
  for (const issue of parsed.error.issues) problems.push(...explain(issue, value, path));
  return undefined;
}

function explain(issue: z.core.$ZodIssue, root: unknown, base: Path): Problem[] {
  const inner = issue.path.map((key) => (typeof key === "symbol" ? String(key) : key));
  const path = [...base, ...inner];
  if (issue.code === "unrecognized_keys") {
    // The needed text of an object is the list of its keys: see `object` in shape.ts.
    const known = issue.message.split(", ");
    return issue.keys.map((key) =>
      problem([...path, key], "an unknown key", `one of ${issue.message}`, suggestion(key, known)),
    );
  }
  const found = at(root, inner);
  if (issue.code === "invalid_type" && issue.expected === "object") {
    return [problem(path, describe(found), `an object with ${issue.message}`)];
  }
  if (issue.code === "custom" && issue.params?.unfit instanceof Unfit) {
    const { unfit } = issue.params as { unfit: Unfit };
    return [problem(path, unfit.found ?? describe(found), unfit.needed, unfit.next)];
  }
  return [problem(path, describe(found), issue.message)];
}

/** A problem with its path as text; for relations, which are not zod's to see. */
export function problem(path: Path, found: string, needed: string, next?: string): Problem {
  const plain = { path: formatPath(path), found, needed };
  return next === undefined ? plain : { ...plain, next };
}

function at(root: unknown, path: Path): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string | number, unknown>)[key];
  }
  return value;
}
