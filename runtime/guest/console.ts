// console and the context's log: both become log lines of the run. Objects are printed by a small inspector of our
// own that reads each property once, bounds depth, width and length, and calls no method of what it prints.
import { post } from "./mailbox.ts";

export type Level = "debug" | "info" | "warn" | "error";

const depthMax = 4;
const itemsMax = 100;
const lineCharsMax = 16_384; // a longer line is cut with a marker

export function writeLog(level: Level, text: string): void {
  const cut =
    text.length > lineCharsMax ? `${text.slice(0, lineCharsMax)}… (${text.length - lineCharsMax} more)` : text;
  post("log.write", { level, text: cut });
}

/** `message key=value …`: one line an event. */
export function writeFields(level: Level, message: unknown, fields?: Record<string, unknown>): void {
  let text = typeof message === "string" ? message : inspect(message);
  if (typeof fields === "object" && fields !== null) {
    for (const key of Object.keys(fields).slice(0, itemsMax)) text += ` ${key}=${inspect(fields[key])}`;
  }
  writeLog(level, text);
}

export function format(args: readonly unknown[]): string {
  const [first, ...rest] = args;
  if (typeof first !== "string" || !first.includes("%")) return args.map(top).join(" ");
  let used = 0;
  const text = first.replace(/%[sdifjoOc%]/g, (token) => {
    if (token === "%%") return "%";
    if (used >= rest.length) return token;
    const value = rest[used];
    used += 1;
    if (token === "%c") return "";
    if (token === "%d" || token === "%f") return String(Number(value));
    if (token === "%i") return String(Math.trunc(Number(value)));
    return top(value);
  });
  return [text, ...rest.slice(used).map(top)].join(" ");
}

function top(value: unknown): string {
  return typeof value === "string" ? value : inspect(value);
}

export function inspect(value: unknown, depth = 0, above: object[] = []): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "symbol") return value.toString();
  if (typeof value === "function") return `[Function ${value.name || "anonymous"}]`;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return inspectObject(value, depth, above);
  } catch {
    return "[unreadable]";
  }
}

function inspectObject(value: object, depth: number, above: object[]): string {
  if (value instanceof Error) return value.stack ?? `${value.name}: ${value.message}`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (above.includes(value)) return "[Circular]";
  if (depth >= depthMax) return Array.isArray(value) ? "[…]" : "{…}";
  const inner = (item: unknown) => inspect(item, depth + 1, [...above, value]);
  if (Array.isArray(value)) return `[${list(value.slice(0, itemsMax).map(inner), value.length)}]`;
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.byteLength} bytes)`;
  if (value instanceof Map) {
    const pairs = [...value].slice(0, itemsMax).map(([key, item]) => `${inner(key)} => ${inner(item)}`);
    return `Map(${value.size}) {${list(pairs, value.size)}}`;
  }
  if (value instanceof Set) return `Set(${value.size}) {${list([...value].slice(0, itemsMax).map(inner), value.size)}}`;
  const keys = Object.keys(value);
  const pairs = keys.slice(0, itemsMax).map((key) => `${key}: ${inner((value as Record<string, unknown>)[key])}`);
  const name = value.constructor?.name;
  return `${name === undefined || name === "Object" ? "" : `${name} `}{${list(pairs, keys.length)}}`;
}

function list(items: string[], total: number): string {
  const more = total > items.length ? [`… ${total - items.length} more`] : [];
  const text = [...items, ...more].join(", ");
  return text === "" ? "" : ` ${text} `;
}

export function installConsole(): void {
  const counts = new Map<string, number>();
  const started = new Map<string, number>();
  let indent = "";
  const at =
    (level: Level) =>
    (...args: unknown[]): void =>
      writeLog(level, indent + format(args));
  const info = at("info");
  const warn = at("warn");
  const console = {
    debug: at("debug"),
    log: info,
    info,
    dir: (...args: unknown[]) => info(args[0]),
    dirxml: info,
    table: (...args: unknown[]) => info(args[0]),
    warn,
    error: at("error"),
    trace: (...args: unknown[]) =>
      at("debug")(`Trace: ${format(args)}`, new Error().stack?.split("\n").slice(2).join("\n")),
    assert: (...given: unknown[]) => {
      const [condition, ...args] = given;
      if (!condition) at("error")(`Assertion failed${args.length > 0 ? `: ${format(args)}` : ""}`);
    },
    count: (given: unknown = "default") => {
      const label = String(given);
      counts.set(label, (counts.get(label) ?? 0) + 1);
      info(`${label}: ${counts.get(label)}`);
    },
    countReset: (label: unknown = "default") => void counts.delete(String(label)),
    group: (...args: unknown[]) => {
      if (args.length > 0) info(...args);
      indent += "  ";
    },
    groupCollapsed: (...args: unknown[]) => console.group(...args),
    groupEnd: () => {
      indent = indent.slice(2);
    },
    time: (label: unknown = "default") => void started.set(String(label), Date.now()),
    timeLog: (given: unknown = "default") => {
      const label = String(given);
      info(`${label}: ${Date.now() - (started.get(label) ?? Date.now())} ms`);
    },
    timeEnd: (given: unknown = "default") => {
      const label = String(given);
      console.timeLog(label);
      started.delete(label);
    },
    clear: () => {},
  };
  // A namespace object (https://console.spec.whatwg.org/#console-namespace): an empty prototype of its own, and a tag.
  Object.setPrototypeOf(console, {});
  Object.defineProperty(console, Symbol.toStringTag, { value: "console", configurable: true });
  Object.defineProperty(globalThis, "console", { value: console, writable: true, configurable: true });
}
