// Whatever a job threw, as plain bounded text: itself, and the errors within it. Reading it may run the job's own getters; it
// does so here, inside the isolate, under the run's limits, and never on the host.

const nameCharsMax = 255; // and the mark that it was cut: the host takes 256
const messageCharsMax = 4_000; // the host shows 2,000
const messageLinesMax = 24; // within a stack, whose lines the host counts
const stackCharsMax = 16_000; // what the host reads of one
const nestedMessageCharsMax = 1_000;
const nestedStackCharsMax = 4_000;
const nestedMax = 8; // errors within an error beyond that help nobody
const depthMax = 4;
/** Of all texts, but for the last: in JSON a character has six bytes at most, and a frame's header 262,144. */
const charsMax = 32_000;

export interface ThrownText {
  name: string;
  message: string;
  stack: string;
}

/** An error within another, and how it is reached: `cause`, `errors[0].cause`, `suppressed`. */
export interface NestedText extends ThrownText {
  path: string;
}

export interface Thrown extends ThrownText {
  nested: NestedText[];
}

export function describeThrown(thrown: unknown): Thrown {
  const text = textOf(thrown, messageCharsMax, stackCharsMax, "thrown: ");
  const nested = isError(thrown) ? nestedIn(thrown, charsMax - lengthOf(text)) : [];
  return { ...text, nested };
}

/** A Proxy that was revoked can't even be asked. */
function isError(value: unknown): value is Error {
  try {
    return value instanceof Error;
  } catch {
    return false;
  }
}

function textOf(thrown: unknown, messageMax: number, stackMax: number, prefix = ""): ThrownText {
  if (!isError(thrown))
    return { name: "Error", message: cut(prefix + safely(() => printable(thrown)), messageMax), stack: "" };
  const name = cut(
    safely(() => String(thrown.name)),
    nameCharsMax,
  );
  const message = safely(() => String(thrown.message));
  return { name, message: cut(message, messageMax), stack: cut(stackOf(thrown, message), stackMax) };
}

// V8 writes the message before the frames: a long one would leave no room for them.
function stackOf(error: Error, message: string): string {
  const stack = safely(() => String(error.stack));
  const at = message.length > 200 ? stack.indexOf(message) : -1;
  if (at < 0) return stack;
  const shown = cut(message, nestedMessageCharsMax).split("\n", messageLinesMax).join("\n");
  return stack.slice(0, at) + shown + stack.slice(at + message.length);
}

/** Depth first, each error once. */
function nestedIn(error: Error, chars: number): NestedText[] {
  const found: NestedText[] = [];
  const seen = new Set<unknown>([error]);
  let left = chars;
  const visit = (outer: Error, path: string, depth: number): void => {
    for (const [key, inner] of partsOf(outer)) {
      if (found.length >= nestedMax || left <= 0 || seen.has(inner)) continue;
      seen.add(inner);
      const text = textOf(inner, nestedMessageCharsMax, Math.min(nestedStackCharsMax, left));
      const own = path === "" ? key : `${path}.${key}`;
      found.push({ path: own, ...text });
      left -= lengthOf(text);
      if (isError(inner) && depth < depthMax) visit(inner, own, depth + 1);
    }
  };
  visit(error, "", 1);
  return found;
}

/** An AggregateError has `errors`; a SuppressedError `error`, which came last, and the `suppressed` one before it. */
function partsOf(error: Error): [key: string, inner: unknown][] {
  const parts: [string, unknown][] = [];
  const errors = read(error, "errors");
  if (isList(errors)) {
    const count = Math.min(nestedMax, Number(read(errors, "length")) || 0);
    for (let index = 0; index < count; index += 1) parts.push([`errors[${index}]`, read(errors, String(index))]);
  }
  for (const key of ["error", "suppressed", "cause"]) {
    const inner = read(error, key);
    // Whatever somebody throws may be a cause; other members of an error of a package's own are only its data.
    const counts = key === "cause" ? inner !== undefined : isError(inner);
    if (counts) parts.push([key, inner]);
  }
  return parts;
}

function isList(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

function read(from: object, key: string): unknown {
  try {
    return (from as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

function printable(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const text = JSON.stringify(value) ?? "an object";
  const { message } = value as { message?: unknown }; // an event's, say, which JSON doesn't find
  return typeof message !== "string" || text.includes(JSON.stringify(message)) ? text : message;
}

function safely(read: () => string): string {
  try {
    return String(read());
  } catch {
    return "(unreadable)";
  }
}

function lengthOf({ name, message, stack }: ThrownText): number {
  return name.length + message.length + stack.length;
}

function cut(text: string, charsMax: number): string {
  return text.length > charsMax ? `${text.slice(0, charsMax)}…` : text;
}
