// URLPattern for the guest (guest/url-pattern.ts), by Node's own. The patterns that were used last are kept, so that one in a
// loop is compiled once.
import type { Service, Services } from "./services.ts";

const patternsKept = 100;

interface NodePattern {
  test(input: unknown, base?: string): boolean;
  exec(input: unknown, base?: string): object | null;
  readonly [component: string]: unknown;
}

interface Asked {
  pattern: { input: unknown; base?: string; ignoreCase: boolean };
  on: { input: unknown; base?: string };
}

const components = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"];

/** @param load gives URLPattern, which most runs don't need. */
export function makeUrlPatternServices(load: () => new (...args: never[]) => object): Services {
  const kept = new Map<string, NodePattern>();

  function patternOf(args: unknown): NodePattern {
    const { pattern } = args as Asked;
    const key = JSON.stringify(pattern);
    const made = kept.get(key) ?? compile(pattern);
    kept.delete(key);
    kept.set(key, made);
    for (const oldest of kept.keys()) if (kept.size > patternsKept) kept.delete(oldest);
    return made;
  }

  function compile({ input, base, ignoreCase }: Asked["pattern"]): NodePattern {
    const URLPattern = load() as new (...args: unknown[]) => NodePattern;
    return base === undefined ? new URLPattern(input, { ignoreCase }) : new URLPattern(input, base, { ignoreCase });
  }

  const on = (act: (pattern: NodePattern, asked: Asked["on"]) => unknown): Service => {
    return (args) => ({ value: act(patternOf(args), (args as unknown as Asked).on) });
  };

  return {
    atOnce: {
      "urlpattern.make": (args) => {
        const pattern = patternOf(args);
        const parts = components.map((name) => [name, pattern[name]]);
        return { value: Object.fromEntries([...parts, ["hasRegExpGroups", pattern.hasRegExpGroups]]) };
      },
      "urlpattern.test": on((pattern, { input, base }) => pattern.test(input, base)),
      "urlpattern.exec": on((pattern, { input, base }) => withNulls(pattern.exec(input, base))),
    },
    later: {},
    forget: () => kept.clear(),
  };
}

/** A group that took no part is undefined, which JSON leaves out. */
function withNulls(result: object | null): unknown {
  return JSON.parse(JSON.stringify(result, (_, value: unknown) => value ?? null));
}
