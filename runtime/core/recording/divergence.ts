// Where a replay left its recording, in words and as data: which call was recorded, which was made, in what they differ, and
// where in the author's source the call stands.
import { escapeLine } from "../../model/error.ts";
import { timing } from "../capabilities/gate.ts";
import { type Difference, differences } from "./differences.ts";
import type { RecordedCall } from "./recording.ts";

/** A call as it was made; `at` is its stack, as V8 wrote it. */
export interface MadeCall {
  id: number;
  op: string;
  args: unknown;
  digest: string | undefined;
  at: string | undefined;
}

export interface Divergence {
  /** `not made`: recorded, and the job ended without it. `body`: the same call with another streamed body. */
  kind: "not recorded" | "body" | "not answered" | "not made";
  made: MadeCall | null;
  /** The one that was most likely meant. */
  recorded: RecordedCall | null;
}

/** One call in a report. */
export interface ShownCall {
  operation: string;
  /** What it is about, on one line. */
  target: string;
  arguments: unknown;
  /** Of the body that went with it, SHA-256, hex. */
  body: string | null;
}

export interface ShownDivergence {
  kind: Divergence["kind"];
  made: ShownCall | null;
  recorded: ShownCall | null;
  /** In what the two calls' arguments differ, when they are of one operation. */
  differences: Difference[];
  /** What the job was told. */
  consequence: string;
}

const targetCharsMax = 200;
const differencesMax = 10;

export function shown({ kind, made, recorded }: Divergence): ShownDivergence {
  const same = made !== null && recorded !== null && made.op === recorded.op;
  return {
    kind,
    made: made && shownCall(made),
    recorded: recorded && shownCall(recorded),
    differences: same ? differences(recorded.args, made.args, differencesMax) : [],
    consequence: consequences[kind],
  };
}

const consequences: Record<Divergence["kind"], string> = {
  "not recorded": "it failed with replay_diverged; later calls that are in the recording were answered",
  body: "it failed with replay_diverged; later calls that are in the recording were answered",
  "not answered": "it failed with replay_diverged: the recorded run ended before this call was answered",
  "not made": "the job ended without it",
};

function shownCall({ op, args, digest }: Pick<MadeCall, "op" | "args" | "digest">): ShownCall {
  return { operation: op, target: targetOf(args), arguments: args, body: digest ?? null };
}

/** The argument that says most. */
function targetOf(args: unknown): string {
  const { method, url, path, sql, audience, args: words, message } = (args ?? {}) as Record<string, unknown>;
  const text =
    typeof url === "string"
      ? `${String(method)} ${url}`
      : [path, sql, audience, Array.isArray(words) ? words[0] : undefined, message].find(
          (each) => typeof each === "string",
        );
  return escapeLine(String(text ?? ""), targetCharsMax);
}

/** Recorded calls that were never made, as divergences. */
export function notMade(left: readonly RecordedCall[]): Divergence[] {
  return left.filter(({ op }) => !timing.includes(op)).map((recorded) => ({ kind: "not made", made: null, recorded }));
}
