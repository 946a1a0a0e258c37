// (g) From nothing to the result of a trivial job, beside the peers on npm, each with what it isolates by; under moderate
// load; and runs a second, each in an environment that none was in before. All kinds take turns in one run, in an order
// that is mixed anew each time, each rival in a host process of its own. The peers are large: they are installed for this
// part only (peers/install.ts), and where they can't be it goes on without them.
import { availableParallelism } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { peers } from "./peers/install.ts";
import { rateOf, reuse, reusedRateOf } from "./rate.ts";
import { peerRivals, plainRivals, type RivalHost, type RivalName, startRivals } from "./rivals.ts";
import { machineMs, shuffled, spreadOf } from "./stats.ts";
import { type Bench, type BenchRuntime, openBenchRuntime } from "./world.ts";

export type PeerKind = "ours" | "reused" | RivalName;

export interface Peers {
  /** The layers around an executor of ours that are armed on this machine. */
  layers: string[];
  /** ms from nothing to the result, one a round. */
  ms: Map<PeerKind, number[]>;
  load: { everyMs: number; steadyMs: number[]; randomMs: number[] };
  /** Runs a second, one a slice: of so many at once, which is the number that served this kind best. */
  rates: Map<PeerKind, { lanes: number; perSecond: number[] }>;
}

interface Contest {
  ours: BenchRuntime;
  reused: BenchRuntime;
  /** Those that work on this machine. */
  rivals: Map<RivalName, RivalHost>;
}

const warmupRounds = 5;
/** Of what ours can do in a second at the most. */
const moderateShare = 0.5;

export async function measurePeers(bench: Bench): Promise<Peers> {
  const modules = await findPeers(bench);
  const contest = await openContest(bench, modules);
  try {
    const ms = await measureStarts(bench, contest);
    const rates = await measureRunRates(bench, contest);
    const most = spreadOf(rates.get("ours")?.perSecond ?? []).p50;
    const load = await measureLoad(bench, contest.ours, 1_000 / (most * moderateShare));
    const layers = contest.ours.runtime.pool.layers().filter((layer) => layer.armed);
    return { layers: layers.map(({ name }) => name), ms, load, rates };
  } finally {
    for (const host of contest.rivals.values()) await host.stop();
    await contest.reused.close();
    await contest.ours.close();
  }
}

/** Where the peers are. A try-out takes them if they are there; it installs nothing. */
async function findPeers({ quick, say }: Bench): Promise<string | undefined> {
  const found = peers.findInstalled();
  if (found !== undefined) return found;
  if (quick) {
    say("the peers are not installed: left out");
    return undefined;
  }
  const stop = new AbortController();
  return peers.install({ say, stop: stop.signal }).catch((error: Error) => {
    say(`the peers are left out: ${error.message}`);
    return undefined;
  });
}

async function openContest(bench: Bench, modules: string | undefined): Promise<Contest> {
  const { scratch } = bench;
  const words = {
    scheduler: { concurrency: 2 * availableParallelism() },
    jobs: { trivial: { entry: "./jobs/trivial.ts" } },
  };
  const ours = await openBenchRuntime(bench, "peers", words);
  const reused = await openBenchRuntime(bench, "peers-reused", { ...words, executor: reuse });
  const rivals = new Map<RivalName, RivalHost>();
  for (const kind of [...plainRivals, ...(modules === undefined ? [] : peerRivals)]) {
    const host = startRivals({ scratch, modules: modules ?? "" });
    try {
      await host.ms(kind);
      rivals.set(kind, host);
    } catch (error) {
      await host.stop();
      bench.say(`left out, ${(error as Error).message}`);
    }
  }
  return { ours, reused, rivals };
}

const kindsOf = ({ rivals }: Contest): PeerKind[] => ["ours", "reused", ...rivals.keys()];

async function measureStarts(bench: Bench, contest: Contest): Promise<Peers["ms"]> {
  const kinds = kindsOf(contest);
  const found: Peers["ms"] = new Map(kinds.map((kind) => [kind, []]));
  const rounds = bench.quick ? 2 : 120;
  for (let round = -(bench.quick ? 1 : warmupRounds); round < rounds; round += 1) {
    for (const kind of shuffled(kinds, bench.chance)) {
      await contest.ours.warmed();
      await contest.reused.warmed();
      const ms = await startOne(contest, kind);
      if (round >= 0) found.get(kind)?.push(ms);
    }
    if (round % 20 === 0) bench.say(`beside the peers ${Math.max(0, round)}/${rounds}`);
  }
  return found;
}

async function startOne({ ours, reused, rivals }: Contest, kind: PeerKind): Promise<number> {
  if (kind !== "ours" && kind !== "reused") return (rivals.get(kind) as RivalHost).ms(kind);
  return msToResult(kind === "ours" ? ours : reused);
}

async function msToResult(runtime: BenchRuntime): Promise<number> {
  const { at } = await runtime.run();
  return (at.result ?? Number.NaN) - (at.submit ?? Number.NaN);
}

/** Each kind one after another, and several at once; what serves it better counts. */
async function measureRunRates(bench: Bench, contest: Contest): Promise<Peers["rates"]> {
  const sliceMs = bench.quick ? 50 : 800;
  const rounds = bench.quick ? 1 : 3;
  const several = 2 * availableParallelism();
  const tries = kindsOf(contest).flatMap((kind) => [1, several].map((lanes) => ({ kind, lanes, perSecond: [0] })));
  for (const each of tries) each.perSecond = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const { kind, lanes, perSecond } of shuffled(tries, bench.chance)) {
      perSecond.push(await rateOfKind(contest, kind, lanes, sliceMs));
    }
    bench.say(`runs a second beside the peers ${round + 1}/${rounds}`);
  }
  const best: Peers["rates"] = new Map();
  for (const { kind, lanes, perSecond } of tries) {
    const known = best.get(kind);
    if (known === undefined || spreadOf(perSecond).p50 > spreadOf(known.perSecond).p50) {
      best.set(kind, { lanes, perSecond });
    }
  }
  return best;
}

function rateOfKind({ ours, reused, rivals }: Contest, kind: PeerKind, lanes: number, sliceMs: number) {
  if (kind === "ours") return rateOf(ours, () => ours.run(), lanes, sliceMs);
  if (kind === "reused") return reusedRateOf(reused, lanes, sliceMs);
  return (rivals.get(kind) as RivalHost).perSecond(kind, lanes, sliceMs);
}

/**
 * Jobs that arrive whether or not the earlier ones are done: one each `everyMs`; then at random moments, as many on the
 * average (Poisson), so that some come in bursts.
 */
async function measureLoad({ quick, chance, say }: Bench, ours: BenchRuntime, everyMs: number): Promise<Peers["load"]> {
  const count = quick ? 4 : 200;
  const arrive = async (gapMs: () => number): Promise<number[]> => {
    await ours.warmed();
    const runs: Promise<number>[] = [];
    for (let at = machineMs(); runs.length < count; at += gapMs()) {
      await pause(Math.max(0, at - machineMs()));
      runs.push(msToResult(ours));
    }
    return Promise.all(runs);
  };
  const steadyMs = await arrive(() => everyMs);
  const randomMs = await arrive(() => -Math.log(1 - chance()) * everyMs);
  say("moderate load measured");
  return { everyMs, steadyMs, randomMs };
}
