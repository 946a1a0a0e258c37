// What a fuzzer is: a seeded generator for one parser of hostile bytes, and the properties that must hold for all it makes.
import fc from "fast-check";

export interface FuzzOptions {
  /** The same seed gives the same cases. */
  seed: number;
  /** Cases to try at most. */
  cases: number;
  /** Stops after this time, ms; whatever was tried until then counts. */
  withinMs: number;
}

export interface FuzzReport {
  /** Cases that were tried. */
  cases: number;
}

export interface Fuzzer {
  name: string;
  /** What it feeds, in a few words. */
  about: string;
  /** Rejects with an Error that shows the smallest failing case. */
  run(options: FuzzOptions): Promise<FuzzReport>;
}

/** For properties of fast-check. Rejects with the seed and the smallest failing case. */
export async function fuzzProperty<Case>(
  property: fc.IProperty<Case>,
  { seed, cases, withinMs }: FuzzOptions,
): Promise<FuzzReport> {
  const found = fc.check(property, { seed, numRuns: cases, interruptAfterTimeLimit: withinMs });
  if (found.failed && found.counterexample !== null) {
    throw new Error(fc.defaultReportMessage(found) ?? "it failed", { cause: found.errorInstance });
  }
  return { cases: found.numRuns };
}

/** @throws Error when it doesn't hold: what was found in its place. */
export function expectThat(holds: boolean, found: string): void {
  if (!holds) throw new Error(found);
}
