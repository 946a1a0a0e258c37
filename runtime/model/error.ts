// Every failure that a person or a program may meet, with a stable code. An error says whose fault it is, what was
// found, what was needed and what to do next. Untrusted text is quoted by `quote` before it enters a message.

/** Process exit codes: part of the outside contract. */
export const exitCodes = {
  succeeded: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  limit: 4,
  unconfirmed: 5,
  runtime: 6,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Whose fault: decides the exit code. `operator`: config and usage. `job`: its code. `runtime`: ours or the machine's. */
export type Fault = "operator" | "job" | "policy" | "runtime";

const exitCodeOf: Record<Fault, ExitCode> = {
  operator: exitCodes.usage,
  job: exitCodes.failed,
  policy: exitCodes.refused,
  runtime: exitCodes.runtime,
};

/** The registry: every code that leaves this program, and whose fault it stands for. */
export const errorCodes = {
  // configuration and usage
  config_missing: "operator",
  config_throws: "operator",
  config_invalid: "operator",
  job_unknown: "operator",
  job_missing: "operator",
  project_files: "operator",
  input_invalid: "operator",
  usage: "operator",
  run_unknown: "operator",
  key_conflict: "operator",
  version_floor: "operator",
  platform_unsupported: "operator",
  start_already: "operator",
  start_absent: "operator",
  sandbox_required: "operator",
  secret_missing: "operator",
  state_directory: "operator",
  key_unavailable: "operator",
  sealed_invalid: "operator",
  lease_unknown: "operator",
  recording_unknown: "operator",
  recording_invalid: "operator",
  // the job's own
  bundle_failed: "job",
  job_threw: "job",
  job_shape: "job",
  leak: "job",
  crash: "job",
  // the runtime or the machine
  executor_unavailable: "runtime",
  store_unavailable: "runtime",
  store_corrupt: "runtime",
  issuer_unavailable: "runtime",
  issuer_port_taken: "runtime",
  lost: "runtime",
  lease_moved: "runtime",
  fenced: "runtime",
  draining: "runtime",
  busy: "runtime",
  audit_invalid: "runtime",
  defence_broken: "runtime",
  internal: "runtime",
} as const satisfies Record<string, Fault>;

export type ErrorCode = keyof typeof errorCodes;

export interface MayflyErrorParts {
  code: ErrorCode;
  /** What was asked or found, in one sentence without the next step. */
  message: string;
  /** The value that was found, quoted and cut. */
  found?: string;
  /** What would have been accepted. */
  needed?: string;
  /** What the reader can do now. */
  next?: string;
  cause?: unknown;
}

export class MayflyError extends Error {
  override readonly name = "MayflyError";
  readonly code: ErrorCode;
  readonly found: string | undefined;
  readonly needed: string | undefined;
  readonly next: string | undefined;

  constructor(parts: MayflyErrorParts) {
    super(parts.message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.code = parts.code;
    this.found = parts.found;
    this.needed = parts.needed;
    this.next = parts.next;
  }

  get exitCode(): ExitCode {
    return exitCodeOf[errorCodes[this.code]];
  }

  /** All parts on lines of their own, for people. */
  describe(): string {
    const lines = [`${this.message} [${this.code}]`];
    if (this.found !== undefined) lines.push(`  found:  ${this.found}`);
    if (this.needed !== undefined) lines.push(`  needed: ${this.needed}`);
    if (this.next !== undefined) lines.push(`  next:   ${this.next}`);
    return lines.join("\n");
  }
}

/** Untrusted text for a message: one line, control and direction characters escaped, cut at `charsMax`. */
export function quote(text: string, charsMax = 120): string {
  return `"${escapeLine(text, charsMax).replaceAll('"', '\\"')}"`;
}

/**
 * Untrusted text as one physical line. What could move a terminal's cursor or break a line (C0, C1, U+2028, U+2029,
 * bidirectional controls, lone surrogates) becomes `\u{…}`.
 */
export function escapeLine(text: string, charsMax: number): string {
  const cut = text.length > charsMax ? `${text.slice(0, charsMax)}…` : text;
  return cut.replace(
    /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\p{Cs}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** The text of whatever was thrown, for a message or a `lastError` field. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** All that is known of it, on lines of their own where it is one of ours. */
export function describeError(thrown: unknown): string {
  return thrown instanceof MayflyError ? thrown.describe() : messageOf(thrown);
}

/** The word of `candidates` that is nearest to `word`, when it is near enough to be a slip of the hand. */
export function nearestWord(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

// Levenshtein's distance by rows; gives up with `bound` once no row can come below it.
function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) >= bound) return bound;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(swap, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    if (Math.min(...row) >= bound) return bound;
    previous = row;
  }
  return previous[b.length] ?? bound;
}
