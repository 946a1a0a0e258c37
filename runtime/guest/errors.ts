// Whatever a job threw, as plain bounded text. Reading it may run the job's own getters; it does so here, inside the
// isolate, under the run's limits, and never on the host.

const nameCharsMax = 256;
const messageCharsMax = 16_000;
const stackCharsMax = 60_000;
const causesMax = 4; // an error's chain of causes beyond that helps nobody

export interface ThrownText {
  name: string;
  message: string;
  stack: string;
}

export function describeThrown(thrown: unknown): ThrownText {
  if (!(thrown instanceof Error)) {
    return { name: "Error", message: cut(`thrown: ${safely(() => printable(thrown))}`, messageCharsMax), stack: "" };
  }
  return {
    name: cut(
      safely(() => String(thrown.name)),
      nameCharsMax,
    ),
    message: cut(
      safely(() => String(thrown.message)),
      messageCharsMax,
    ),
    stack: cut(stackWithCauses(thrown), stackCharsMax),
  };
}

function stackWithCauses(error: Error): string {
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth <= causesMax && current instanceof Error; depth += 1) {
    const at = current;
    parts.push((depth === 0 ? "" : "Caused by: ") + safely(() => String(at.stack)));
    current = safelyUnknown(() => at.cause);
  }
  return parts.join("\n");
}

function printable(value: unknown): string {
  if (typeof value === "object" && value !== null) return JSON.stringify(value) ?? "an object";
  return String(value);
}

function safely(read: () => string): string {
  try {
    return String(read());
  } catch {
    return "(unreadable)";
  }
}

function safelyUnknown(read: () => unknown): unknown {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function cut(text: string, charsMax: number): string {
  return text.length > charsMax ? `${text.slice(0, charsMax)}…` : text;
}
