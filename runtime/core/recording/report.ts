// What a replay came to, beside its recording: the same result and the same log lines by the same calls, or where it
// diverged. A recording that was cut shows that nothing differs as far as it goes, and no more.
import type { LogLine } from "../../ports/run-archive.ts";
import type { RecordedEnd } from "../../protocol/recording.ts";
import { makeStackMapper, type SourcePosition } from "../bundle/stack.ts";
import { type Difference, differences } from "./differences.ts";
import { type Divergence, notMade, type ShownDivergence, shown } from "./divergence.ts";
import type { Door } from "./door.ts";
import type { Recording } from "./recording.ts";

export type Verdict = "same" | "diverged" | "cut";

type Line = Pick<LogLine, "level" | "text">;

export interface ReplayReport {
  run: string;
  job: string;
  verdict: Verdict;
  bundle: { recorded: string; replayed: string };
  engine: { recorded: string; replayed: string };
  /** Why the recording ends before its run does. */
  cut: string | null;
  calls: { recorded: number; matched: number };
  /** How it ended; null where the recording doesn't have it, or the replay came to the recording's end. */
  ending: { recorded: ShownEnding | null; replayed: ShownEnding | null };
  result: { same: boolean; differences: Difference[] };
  logs: {
    same: boolean;
    recorded: number;
    replayed: number;
    /** The first line that differs, from 1. */
    first: { line: number; recorded: string | null; replayed: string | null } | null;
  };
  divergences: number;
  /** The first, with the author's own line where it is known. */
  divergence: (ShownDivergence & { source: SourcePosition | null }) | null;
}

export interface ShownEnding {
  state: string;
  error: { code: string; message: string } | null;
}

export interface Replayed {
  recording: Recording;
  bundle: { digest: string; sourceMap: string };
  engine: string;
  door: Pick<Door, "divergences" | "book">;
  /** null: it came to the end of a recording whose run went on. */
  ending: RecordedEnd | null;
  lines: readonly Line[];
}

const differencesMax = 20;

export function reportOf({ recording, bundle, engine, door, ending, lines }: Replayed): ReplayReport {
  const { about, end, cut, isOpen } = recording;
  const isWhole = !isOpen;
  const missing = isWhole ? notMade(door.book.left()) : [];
  const all: Divergence[] = [...door.divergences, ...missing];
  const found = ending === null || end === null ? [] : differences(end.result, ending.result, differencesMax);
  const result = { same: found.length === 0, differences: found };
  const logs = compareLines(recording.lines, lines, isWhole);
  const sameEnding = ending === null ? isOpen : end !== null && sameEnd(end, ending);
  const isSame = all.length === 0 && logs.same && result.same && (sameEnding || cut !== null);
  const [first] = all;
  return {
    run: about.runId,
    job: about.job,
    verdict: !isSame ? "diverged" : cut !== null ? "cut" : "same",
    bundle: { recorded: about.digest, replayed: bundle.digest },
    engine: { recorded: about.engine, replayed: engine },
    cut,
    calls: { recorded: door.book.matched + door.book.left().length, matched: door.book.matched },
    ending: { recorded: end && shownEnding(end), replayed: ending && shownEnding(ending) },
    result,
    logs,
    divergences: all.length,
    divergence: first === undefined ? null : { ...shown(first), source: sourceOf(first, bundle) },
  };
}

function shownEnding({ state, error }: RecordedEnd): ShownEnding {
  return { state, error: error && { code: error.code, message: error.message } };
}

function sameEnd(a: RecordedEnd, b: RecordedEnd): boolean {
  return a.state === b.state && a.error?.code === b.error?.code && a.error?.message === b.error?.message;
}

/** Of a run that went on behind its recording, as far as both go. */
function compareLines(recorded: readonly Line[], replayed: readonly Line[], isWhole: boolean): ReplayReport["logs"] {
  const count = isWhole ? Math.max(recorded.length, replayed.length) : Math.min(recorded.length, replayed.length);
  const textOf = (line: Line | undefined) => (line === undefined ? null : `${line.level} ${line.text}`);
  const counts = { recorded: recorded.length, replayed: replayed.length };
  for (let index = 0; index < count; index += 1) {
    const [was, is] = [textOf(recorded[index]), textOf(replayed[index])];
    if (was !== is) return { same: false, ...counts, first: { line: index + 1, recorded: was, replayed: is } };
  }
  return { same: true, ...counts, first: null };
}

function sourceOf({ made }: Divergence, { sourceMap }: { sourceMap: string }): SourcePosition | null {
  if (made?.at === undefined) return null;
  return makeStackMapper(sourceMap, { scriptName: "job.js" })(made.at).first ?? null;
}
