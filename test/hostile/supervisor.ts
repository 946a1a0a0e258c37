// The supervisor of a campaign, as a process of its own: keeps so many hostile runs under way and the good one coming at
// short intervals, judges each record, and at the end says what it found and what is left. Told {options} by its parent;
// says `progress` now and then, and `found` last. Told {stop}, it ends early and cleans up all the same.
import { spawn } from "node:child_process";
import { openSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { IssueRequest } from "../../runtime/ports/credential-issuer.ts";
import { watchResidue } from "../../runtime/testkit/residue.ts";
import { makeRandom } from "../crash/random.ts";
import { type Gap, makeGapMeter } from "../support/gaps.ts";
import { asking } from "./asking.ts";
import { computing } from "./computing.ts";
import { impostorScript, impostors } from "./impostors.ts";
import { delaysOf, endingOf, type Findings, untruths } from "./judge.ts";
import type { Kind } from "./kind.ts";
import { goodJob, type HostileWorld, openHostileWorld, withPort } from "./world.ts";

export interface SupervisorOptions {
  runs: number;
  seed: number;
  /** Hostile runs that are submitted and not over, at any time. */
  atOnce: number;
  directory: string;
  serverPort: number;
  /** Only these kinds; empty for all. */
  only: string[];
  /** Leaves a process, a descriptor, a file and a credential behind, to see them found. */
  leaks: boolean;
}

export type SupervisorSays =
  | { type: "progress"; done: number; violations: number; rssBytes: number }
  | { type: "found"; found: Omit<Findings, "heartbeat">; gaps: Gap[] };

const goodEveryMs = 250;
const violationsKept = 100;
const samplesMax = 100;
/** A collection holds the process up, and so takes part in what is measured. */
const runsPerSampleMin = 50;
/** Fewer runs give no slope: a process that has just begun grows. */
const runsForSlope = 1_000;
const settleMs = 10_000;

type Options = SupervisorOptions;

async function campaign(
  options: Options,
  stop: AbortSignal,
): Promise<{ found: Omit<Findings, "heartbeat">; gaps: Gap[] }> {
  await build({ stdin: { contents: "" }, write: false }); // esbuild's service is there before the watch begins
  const since = performance.now();
  const noted = makeNotes(options);
  const residue = watchResidue();
  const meter = makeGapMeter();
  const shared = {
    serverPort: options.serverPort,
    onWarning: noted.warning,
  };
  const main = await openHostileWorld({
    ...shared,
    directory: join(options.directory, "main"),
    kinds: [...computing, ...asking],
    concurrency: 4,
    onEvent: noted.event,
  });
  const posing = await openHostileWorld({
    ...shared,
    directory: join(options.directory, "posing"),
    kinds: impostors,
    concurrency: 2,
    executorScript: impostorScript,
    onEvent: () => {},
  });
  const endGood = keepSubmittingGood(main, noted);
  await submitHostile(options, { main, posing }, noted, stop);
  await endGood();
  if (options.leaks) await leak(main);
  meter.stop(); // what comes now is the campaign's own: it reads the whole audit log at once
  const left = [...(await main.end()), ...(await posing.end())];
  for (const { scope } of [main, posing]) left.push(...(await residue.settle(scope, settleMs)));
  left.push(...readdirSync(tmpdir()).map((name) => `temporary ${name}`)); // TMPDIR is the campaign's own
  return {
    found: { ...noted.findings(), tookMs: Math.round(performance.now() - since), residue: [...new Set(left)] },
    gaps: meter.gaps(),
  };
}

// Of each sort one; the process ends with this one, by its pipe.
async function leak({ runtime }: HostileWorld): Promise<void> {
  spawn("cat", { stdio: ["pipe", "ignore", "ignore"] });
  openSync(join(tmpdir(), "leaked"), "w");
  const issuer = await runtime.issuer("stand-in");
  const request = { lease: { runId: "run_leaked" }, scope: ["leaked"], expiresAt: Date.now() + 60_000 };
  await issuer.issue(request as unknown as IssueRequest, AbortSignal.abort());
}

type Notes = ReturnType<typeof makeNotes>;

function makeNotes({ seed, runs }: Options) {
  const endings: Findings["endings"] = {};
  const violations: string[] = [];
  const acceptedAt = new Map<string, number>();
  const delaysMs: number[] = [];
  const rssBytes: number[] = [];
  let violationsCount = 0;
  let done = 0;

  function violation(text: string): void {
    violationsCount += 1;
    if (violations.length < violationsKept) violations.push(text);
  }

  /** What the environment makes it say when it opens is no finding. */
  function warning(message: string): void {
    if (done > 0) violation(`it warned: ${message}`);
  }

  function sample(): void {
    globalThis.gc?.();
    rssBytes.push(process.memoryUsage.rss());
    say({ type: "progress", done, violations: violationsCount, rssBytes: rssBytes.at(-1) ?? 0 });
  }

  function rss(): Findings["rss"] {
    const tenth = Math.floor(rssBytes.length / 10);
    if (done < runsForSlope || tenth === 0) return null;
    const mean = (values: readonly number[]) => Math.round(values.reduce((sum, each) => sum + each, 0) / values.length);
    return {
      firstBytes: mean(rssBytes.slice(0, tenth)),
      settledBytes: mean(rssBytes.slice(3 * tenth, 4 * tenth)),
      lastBytes: mean(rssBytes.slice(-tenth)),
    };
  }

  return {
    violation,
    warning,
    event({ type, runId, ...rest }: { type: string; runId: string; job?: string }) {
      if (type === "accepted" && rest.job === goodJob) acceptedAt.set(runId, performance.now());
      const at = type === "launched" ? acceptedAt.get(runId) : undefined;
      if (at === undefined) return;
      acceptedAt.delete(runId);
      delaysMs.push(performance.now() - at);
    },
    ended(kind: Kind, ending: string) {
      const counts = endings[kind.name] ?? {};
      endings[kind.name] = counts;
      counts[ending] = (counts[ending] ?? 0) + 1;
      done += 1;
      if (done % Math.max(runsPerSampleMin, Math.floor(runs / samplesMax)) === 0) sample();
    },
    findings: () => ({
      seed,
      runs: done,
      endings,
      violations,
      violationsCount: violationsCount + acceptedAt.size,
      neighbour: delaysOf(delaysMs),
      rss: rss(),
    }),
  };
}

/** @returns what ends it, and waits for the last one. */
function keepSubmittingGood({ runtime }: HostileWorld, noted: Notes): () => Promise<void> {
  const underWay = new Set<Promise<void>>();
  const submit = async () => {
    const { done } = await runtime.scheduler.submit({ job: goodJob, input: "null", trigger: { kind: "submit" } });
    const { state, result, error } = await done;
    if (state !== "succeeded" || result !== 7) noted.violation(`the neighbour ended as ${state}: ${error?.message}`);
  };
  const timer = setInterval(() => {
    const run = submit()
      .catch((error: unknown) => noted.violation(`the neighbour was turned away: ${error}`))
      .finally(() => underWay.delete(run));
    underWay.add(run);
  }, goodEveryMs);
  return async () => {
    clearInterval(timer);
    await Promise.all(underWay);
  };
}

interface Worlds {
  main: HostileWorld;
  posing: HostileWorld;
}

async function submitHostile(options: Options, worlds: Worlds, noted: Notes, stop: AbortSignal): Promise<void> {
  const deck = makeDeck(options);
  let next = 0;
  const worker = async () => {
    while (next < options.runs && !stop.aborted) {
      const number = next;
      next += 1;
      await oneHostile(options, deck(number), worlds, noted, number);
    }
  };
  await Promise.all(Array.from({ length: options.atOnce }, worker));
}

/** Each kind once before any comes again, each round in an order of its own. */
function makeDeck({ seed, only }: Options): (number: number) => Kind {
  const kinds = [...computing, ...asking, ...impostors].filter(({ name }) => only.length === 0 || only.includes(name));
  if (kinds.length === 0) throw new Error(`no kind is called so: ${only.join(", ")}`);
  const random = makeRandom(seed);
  let round: Kind[] = [];
  return () => {
    if (round.length === 0) round = [...kinds];
    return round.splice(random.below(round.length), 1)[0] as Kind;
  };
}

async function oneHostile(options: Options, kind: Kind, worlds: Worlds, noted: Notes, number: number): Promise<void> {
  const random = makeRandom(options.seed * 1_000_003 + number);
  const world = impostors.includes(kind) ? worlds.posing : worlds.main;
  const { scheduler } = world.runtime;
  const input = withPort(JSON.stringify(kind.input?.(random) ?? null), options.serverPort);
  try {
    const { id, done } = await scheduler.submit({ job: kind.name, input, trigger: { kind: "submit" } });
    const killing = kind.killAfterMs?.(random);
    if (killing !== undefined) await killWhenRunning(world, id, done, killing);
    const record = await done;
    for (const untruth of untruths(record, kind, world.layersArmed)) noted.violation(`${untruth} (run ${number})`);
    noted.ended(kind, endingOf(record));
  } catch (error) {
    noted.violation(`${kind.name} (run ${number}): ${error instanceof Error ? error.message : String(error)}`);
    noted.ended(kind, "error");
  }
}

async function killWhenRunning(
  { runtime }: HostileWorld,
  id: Parameters<typeof runtime.scheduler.kill>[0],
  done: Promise<unknown>,
  afterMs: number,
) {
  let over = false;
  void done.finally(() => {
    over = true;
  });
  while (!over && runtime.store.run(id)?.record.state !== "running") await pause(5);
  await pause(afterMs);
  runtime.scheduler.kill(id, "the campaign's will");
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function say(message: SupervisorSays): void {
  process.send?.(message);
}

const stopping = new AbortController();
process.on("SIGINT", () => {}); // of the terminal's whole group: the parent says when to stop
process.on("disconnect", () => process.exit(1));
process.on("message", (message: { options?: Options; stop?: true }) => {
  if (message.stop) stopping.abort();
  if (message.options === undefined) return;
  campaign(message.options, stopping.signal).then(
    ({ found, gaps }) => {
      process.send?.({ type: "found", found, gaps } satisfies SupervisorSays, () => process.exit(0));
    },
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
      process.exit(3);
    },
  );
});
