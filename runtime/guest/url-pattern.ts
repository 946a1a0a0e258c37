// URLPattern (https://urlpattern.spec.whatwg.org/), matched by the executor's own: Node's is complete, and what a pattern's
// regular expression costs there is the run's own time. Patterns aren't kept there: each question brings the pattern.
import { compute, errorOf } from "./services.ts";
import { asInterface, toDictionary, toUsvString } from "./webidl.ts";

const components = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"] as const;

type Input = string | Record<string, string>;

interface Pattern {
  input: Input;
  base: string | undefined;
  ignoreCase: boolean;
}

export class URLPattern {
  readonly #pattern: Pattern;
  readonly #parts: Readonly<Record<string, string | boolean>>;

  constructor(input: unknown = {}, baseOrOptions?: unknown, options?: unknown) {
    const hasBase = typeof baseOrOptions === "string" || arguments.length > 2;
    const given = toDictionary(hasBase ? options : baseOrOptions, "a URLPattern's options");
    this.#pattern = {
      input: toInput(input),
      base: hasBase ? toUsvString(baseOrOptions) : undefined,
      ignoreCase: Boolean(given.ignoreCase),
    };
    this.#parts = ask("make", this.#pattern) as Record<string, string | boolean>;
  }
  get protocol(): string {
    return this.#parts.protocol as string;
  }
  get username(): string {
    return this.#parts.username as string;
  }
  get password(): string {
    return this.#parts.password as string;
  }
  get hostname(): string {
    return this.#parts.hostname as string;
  }
  get port(): string {
    return this.#parts.port as string;
  }
  get pathname(): string {
    return this.#parts.pathname as string;
  }
  get search(): string {
    return this.#parts.search as string;
  }
  get hash(): string {
    return this.#parts.hash as string;
  }
  get hasRegExpGroups(): boolean {
    return this.#parts.hasRegExpGroups as boolean;
  }
  test(input: unknown = {}, base?: unknown): boolean {
    return ask("test", this.#pattern, { input: toInput(input), ...baseOf(base) }) as boolean;
  }
  exec(input: unknown = {}, base?: unknown): object | null {
    const result = ask("exec", this.#pattern, { input: toInput(input), ...baseOf(base) }) as Result | null;
    if (result === null) return null;
    // A group that took no part is undefined there, which JSON has no word for.
    for (const name of components) {
      const { groups } = result[name] as { groups: Record<string, string | null | undefined> };
      for (const key of Object.keys(groups)) groups[key] ??= undefined;
    }
    return result;
  }
}
asInterface("URLPattern", URLPattern);

type Result = Record<string, unknown>;

function baseOf(base: unknown): { base?: string } {
  return base === undefined ? {} : { base: toUsvString(base) };
}

function toInput(input: unknown): Input {
  if (input === undefined || input === null) return {};
  if (typeof input !== "object") return toUsvString(input);
  const init: Record<string, string> = {};
  for (const name of [...components, "baseURL"].sort()) {
    const value = (input as Record<string, unknown>)[name];
    if (value !== undefined) init[name] = toUsvString(value);
  }
  return init;
}

function ask(what: "make" | "test" | "exec", pattern: Pattern, on?: { input: Input; base?: string }): unknown {
  try {
    return compute(`urlpattern.${what}`, { pattern, on }).value;
  } catch (thrown) {
    throw errorOf(thrown, TypeError);
  }
}
