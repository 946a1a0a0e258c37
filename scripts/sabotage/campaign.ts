// All sabotages, one after another in each of a few private copies: first the named tests without sabotage, which must be
// green, then each defence taken out in turn.
//
//   stale     the entry no longer fits the source           broken    the replacement doesn't load
//   red       its tests fail without any sabotage           hung      its tests didn't end, and weren't said to
//   survived  nobody noticed                                caught    a named test failed
//
// All but `caught` are failures.
import { whyNotLoadable } from "./compile.ts";
import { type Copy, makeCopy } from "./copy.ts";
import { whyStale } from "./list.ts";
import type { Sabotage } from "./sabotage.ts";
import { type FileOutcome, tryFile } from "./try.ts";

export type SabotageOutcome = "caught" | "survived" | "stale" | "broken" | "hung" | "red";

export interface SabotageResult {
  id: string;
  defence: string;
  threats: readonly string[];
  outcome: SabotageOutcome;
  /** The file that noticed; null when none did. */
  file: string | null;
  /** The test that noticed, or why it counts as not noticed. */
  detail: string;
  tookMs: number;
}

export interface CampaignOptions {
  /** The tree. It is only read. */
  root: string;
  sabotages: readonly Sabotage[];
  /** Copies that are worked in at the same time. */
  jobs: number;
  /** For one test file, ms. */
  withinMs: number;
  stop: AbortSignal;
  /** One line of progress. */
  say(line: string): void;
}

/** In the order of `sabotages`. Rejects when stopped; the copies are removed either way. */
export async function sabotageCampaign(options: CampaignOptions): Promise<SabotageResult[]> {
  const copies = Array.from({ length: options.jobs }, () => makeCopy(options.root));
  try {
    const files = [...new Set(options.sabotages.flatMap(({ caughtBy }) => caughtBy))].sort();
    const before = new Map<string, FileOutcome>();
    await shared(copies, files, async (copy, file) => {
      const found = await tryFile({ copy, file, withinMs: options.withinMs, stop: options.stop }).catch(asBroken);
      before.set(file, found);
      options.say(`${found.outcome.padEnd(9)}${file}, without sabotage`);
    });
    const results = new Map<Sabotage, SabotageResult>();
    await shared(copies, options.sabotages, async (copy, sabotage) => {
      const result = await one(options, copy, sabotage, before);
      results.set(sabotage, result);
      options.say(`${result.outcome.padEnd(9)}${result.id}  ${result.detail}`);
    });
    options.stop.throwIfAborted();
    return options.sabotages.flatMap((sabotage) => results.get(sabotage) ?? []);
  } finally {
    for (const copy of copies) copy.remove();
  }
}

async function one(
  { root, withinMs, stop }: CampaignOptions,
  copy: Copy,
  sabotage: Sabotage,
  before: ReadonlyMap<string, FileOutcome>,
): Promise<SabotageResult> {
  const { id, defence, threats, caughtBy } = sabotage;
  const since = performance.now();
  const result = (outcome: SabotageOutcome, detail: string, file: string | null = null) => {
    return { id, defence, threats, outcome, file, detail, tookMs: Math.round(performance.now() - since) };
  };
  const stale = whyStale(root, sabotage);
  if (stale !== undefined) return result("stale", stale);
  const red = caughtBy.find((file) => before.get(file)?.outcome !== "green");
  if (red !== undefined) return result("red", `${red}: ${wordsOf(before.get(red))}`);
  const undo = copy.apply(sabotage);
  try {
    const broken = await whyNotLoadable(copy.root, sabotage.file);
    if (broken !== undefined) return result("broken", broken);
    let worst: FileOutcome = { outcome: "green" };
    for (const file of caughtBy) {
      const found = await tryFile({ copy, file, withinMs, stop });
      if (found.outcome === "red") return result("caught", found.test, file);
      if (found.outcome === "hung" && sabotage.hangs) return result("caught", "it never ends, as it was said to", file);
      if (found.outcome !== "green") worst = found;
    }
    return result(worst.outcome === "green" ? "survived" : worst.outcome, wordsOf(worst));
  } finally {
    undo();
  }
}

function wordsOf(found: FileOutcome | undefined): string {
  switch (found?.outcome) {
    case "green":
      return "its tests are green without the defence";
    case "red":
      return found.test;
    case "hung":
      return "it didn't end in time";
    case "broken":
      return found.said;
    default:
      return "it was not run";
  }
}

function asBroken(error: unknown): FileOutcome {
  return { outcome: "broken", said: error instanceof Error ? error.message : String(error) };
}

/** Each copy takes the next item when it is done with its last. */
async function shared<Item>(
  copies: readonly Copy[],
  items: readonly Item[],
  work: (copy: Copy, item: Item) => Promise<void>,
): Promise<void> {
  const left = [...items];
  await Promise.all(
    copies.map(async (copy) => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await work(copy, item);
    }),
  );
}
