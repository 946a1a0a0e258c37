// From points of TAP to a verdict for each line of the threat list. A line is proven when at least one test with its id
// ran and passed, and none with its id failed; a skipped test proves nothing, and its reason is told.
import type { Point } from "../tap/read.ts";
import type { Threat } from "./list.ts";
import { tagsIn } from "./tags.ts";

export type Outcome = "proven" | "failed" | "unproven" | "not applicable";

export interface Verdict {
  id: string;
  about: string;
  p0: boolean;
  outcome: Outcome;
  /** Test files that carry the id, whatever came of them. */
  files: string[];
  /** Titles of failed tests, reasons of skipped ones, or why the line doesn't apply. */
  detail: string[];
}

export interface Evidence {
  passed: number;
  failed: string[];
  skipped: string[];
}

/** Takes the points of files, one after another, as tap reports them. */
export function makeEvidence(): { add(point: Point): void; of(id: string): Evidence } {
  const all = new Map<string, Evidence>();
  const of = (id: string) => {
    const evidence = all.get(id) ?? { passed: 0, failed: [], skipped: [] };
    all.set(id, evidence);
    return evidence;
  };
  /** What went on below tests that are still open, by the titles that lead to them. */
  const open = new Map<string, { ran: number; skipped: string[] }>();
  const keyOf = (titles: readonly string[]) => titles.join("\n");

  function add(point: Point): void {
    const key = keyOf([...point.within, point.title]);
    const below = open.get(key);
    open.delete(key);
    if (below === undefined) noteAbove(point);
    for (const id of tagsIn(point.title)) {
      const evidence = of(id);
      if (!point.ok) evidence.failed.push(point.title);
      else if (point.skipped !== undefined) evidence.skipped.push(point.skipped || "without a reason");
      else if (below !== undefined && below.ran > 0) evidence.passed += 1;
      else evidence.skipped.push(...(below?.skipped ?? ["it asserted nothing"]));
    }
  }

  // A test all of whose assertions were skipped proves nothing, however deep they stand.
  function noteAbove({ within, title, skipped }: Point): void {
    for (let depth = 1; depth <= within.length; depth += 1) {
      const key = keyOf(within.slice(0, depth));
      const noted = open.get(key) ?? { ran: 0, skipped: [] };
      if (skipped === undefined) noted.ran += 1;
      else noted.skipped.push(skipped || title);
      open.set(key, noted);
    }
  }

  return { add, of };
}

export function verdictOf(threat: Threat, files: readonly string[], { passed, failed, skipped }: Evidence): Verdict {
  const { id, about, p0, notApplicable } = threat;
  const verdict = (outcome: Outcome, detail: string[]) => ({ id, about, p0, outcome, files: [...files], detail });
  if (failed.length > 0) return verdict("failed", failed);
  if (passed > 0) return verdict("proven", skipped);
  if (notApplicable !== undefined) return verdict("not applicable", [notApplicable]);
  if (files.length === 0) return verdict("unproven", ["no test has its id"]);
  return verdict("unproven", skipped.length > 0 ? skipped : ["its tests gave no result"]);
}

/** What a release waits for. */
export function blocks({ p0, outcome }: Verdict): boolean {
  return p0 && (outcome === "failed" || outcome === "unproven");
}
