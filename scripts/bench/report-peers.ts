// What part (g) found, as rows and keys: a row says what its kind isolates by. Jobs that share a process, one after another
// or all of them, are not isolated by it.
import type { PeerKind, Peers } from "./peers.ts";
import type { Row } from "./report.ts";
import { type RivalName, rivalWords } from "./rivals.ts";
import { spreadOf } from "./stats.ts";

const loadAimMs = 20;
const p50 = (values: readonly number[]): number => spreadOf(values).p50;

export function peerKeys(found: Peers | undefined) {
  return {
    peers_p50_ms: found === undefined ? null : mapped(found.ms, (ms) => p50(ms)),
    peers_p99_ms: found === undefined ? null : mapped(found.ms, (ms) => spreadOf(ms).p99),
    peers_rate_per_s: found === undefined ? null : mapped(found.rates, ({ perSecond }) => p50(perSecond)),
    fastest_process_peer_vs_warm_start_p50:
      found === undefined ? null : Math.min(...processRivals(found).map((kind) => timesOurs(found, kind))),
    moderate_load_p50_ms: found === undefined ? null : p50(found.load.steadyMs),
    moderate_load_p99_ms: found === undefined ? null : spreadOf(found.load.steadyMs).p99,
    moderate_load_random_p99_ms: found === undefined ? null : spreadOf(found.load.randomMs).p99,
    reuse_rate_vs_best_peer:
      found === undefined
        ? null
        : rateOf(found, "reused") / Math.max(...peersOf(found).map((peer) => rateOf(found, peer))),
  };
}

const mapped = <Value>(found: Map<PeerKind, Value>, figure: (value: Value) => number): Record<string, number> =>
  Object.fromEntries([...found].map(([kind, value]) => [kind, figure(value)]));

export function peerRows(found: Peers): Row[] {
  return [...startRows(found), ...loadRows(found), ...rateRows(found)];
}

function startRows(found: Peers): Row[] {
  return [...found.ms].map(([kind, ms], index) => ({
    name: `${index === 0 ? "(g)" : "   "} warm start → result: ${nameOf(kind)}`,
    unit: "ms",
    spread: spreadOf(ms),
    isolation: isolationOf(found, kind),
    ...besideStart(found, kind),
  }));
}

function besideStart(found: Peers, kind: PeerKind): { beside?: string } {
  if (kind === "ours") return {};
  const times = timesOurs(found, kind);
  const words =
    times >= 1 ? `ours is ${times.toFixed(1)} times faster` : `${(1 / times).toFixed(1)} times faster than ours`;
  if (kind === "reused" || !rivalWords[kind].byProcess) return { beside: words };
  return { beside: `${words} (isolates by process; aim: ours faster: ${times > 1 ? "met" : "missed"})` };
}

function loadRows({ load: { everyMs, steadyMs, randomMs } }: Peers): Row[] {
  const row = (name: string, ms: number[], aim: string): Row => ({
    name,
    unit: "ms",
    spread: spreadOf(ms),
    beside: aim,
  });
  const met = spreadOf(steadyMs).p99 < loadAimMs ? "met" : "missed";
  return [
    row(
      `    moderate load: one each ${everyMs.toFixed(0)} ms`,
      steadyMs,
      `half of the single-use rate below (aim: p99 below ${loadAimMs} ms: ${met})`,
    ),
    row("    as many, at random moments", randomMs, "some come in bursts"),
  ];
}

function rateRows(found: Peers): Row[] {
  return [...found.rates].map(([kind, { lanes, perSecond }]) => ({
    name: `    runs, ${lanes === 1 ? "one after another" : `${lanes} at once`}: ${nameOf(kind)}`,
    unit: "/s",
    spread: spreadOf(perSecond),
    isolation: isolationOf(found, kind),
    ...besideRate(found, kind),
  }));
}

function besideRate(found: Peers, kind: PeerKind): { beside?: string } {
  if (kind === "ours") return {};
  const reused = rateOf(found, "reused");
  if (kind !== "reused") return { beside: `reuse has ${(reused / rateOf(found, kind)).toFixed(2)} times as many` };
  const above = peersOf(found).filter((peer) => rateOf(found, peer) >= reused);
  const names = above.length === 0 ? "none: met" : above.map(nameOf).join("; ");
  return { beside: `peers with more (aim: none): ${names}` };
}

function nameOf(kind: PeerKind): string {
  if (kind === "ours") return "Mayfly";
  return kind === "reused" ? 'Mayfly, reuse "same-job"' : rivalWords[kind].name;
}

function isolationOf({ layers }: Peers, kind: PeerKind): string {
  if (kind === "ours") return `V8 isolate + ${layers.join(", ")}`;
  return kind === "reused" ? "the same; one process for runs of one job" : rivalWords[kind].isolation;
}

const timesOurs = ({ ms }: Peers, kind: PeerKind): number => p50(ms.get(kind) ?? []) / p50(ms.get("ours") ?? []);

const rateOf = ({ rates }: Peers, kind: PeerKind): number => p50(rates.get(kind)?.perSecond ?? []);

function processRivals({ ms }: Peers): RivalName[] {
  return [...ms.keys()]
    .filter((kind) => kind !== "ours" && kind !== "reused")
    .filter((kind) => rivalWords[kind].byProcess);
}

/** Those that isolate at all: a raw isolate has an aim of its own, and a thread shares everything with its host. */
function peersOf({ rates }: Peers): RivalName[] {
  const others: readonly PeerKind[] = ["ours", "reused", "isolate", "worker"];
  return [...rates.keys()].filter((kind): kind is RivalName => !others.includes(kind));
}
